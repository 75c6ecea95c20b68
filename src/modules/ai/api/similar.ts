import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/analysis.ts';
import { similarQuerySchema, similarSchema } from '../models/similar.ts';
import type { AiApp } from './app.ts';

const similarRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/similar',
  tags: ['search'],
  summary: 'Files that are identical, nearly so, or about the same',
  ...permit('search:read'),
  request: { params: fileParamsSchema, query: similarQuerySchema },
  responses: {
    200: json(similarSchema, 'The likest files, and what the file could be compared by'),
    ...problems(400, 401, 403, 404, 409, 503),
  },
});

export function mountSimilar(app: AiApp): void {
  app.openapi(similarRoute, async (c) => {
    const caller = {
      userId: c.get('principal').userId,
      credential: c.get('credential'),
      address: c.get('caller').address,
    };
    const { id } = c.req.valid('param');
    return c.json(await c.get('services').similar.similar(caller, id, c.req.valid('query')), 200);
  });
}
