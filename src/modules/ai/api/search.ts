import { createRoute } from '@hono/zod-openapi';
import { bearer, json, problems } from '../../../core/http/openapi.ts';
import { searchQuerySchema, searchResultSchema } from '../models.ts';
import type { AiApp } from './app.ts';

const searchRoute = createRoute({
  method: 'get',
  path: '/v1/search',
  tags: ['search'],
  summary: 'Find files by what they mean, by their words, or both',
  security: bearer,
  request: { query: searchQuerySchema },
  responses: {
    200: json(searchResultSchema, 'The best files, and what the answer does not cover'),
    ...problems(400, 401, 503),
  },
});

export function mountSearch(app: AiApp): void {
  app.openapi(searchRoute, async (c) => {
    const caller = { userId: c.get('principal').userId, authorization: c.req.header('authorization') ?? '' };
    return c.json(await c.get('search').search(caller, c.req.valid('query')), 200);
  });
}
