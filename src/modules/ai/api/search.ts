import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { searchQuerySchema, searchResultSchema } from '../models/search.ts';
import type { AiApp } from './app.ts';

const searchRoute = createRoute({
  method: 'get',
  path: '/v1/search',
  tags: ['search'],
  summary: 'Find files by what they mean, by their words, or both',
  ...permit('search:read'),
  request: { query: searchQuerySchema },
  responses: {
    200: json(searchResultSchema, 'The best files, and what the answer does not cover'),
    ...problems(400, 401, 403, 503),
  },
});

export function mountSearch(app: AiApp): void {
  app.openapi(searchRoute, async (c) => {
    const caller = {
      userId: c.get('principal').userId,
      credential: c.get('credential'),
      address: c.get('caller').address,
    };
    return c.json(await c.get('services').search.search(caller, c.req.valid('query')), 200);
  });
}
