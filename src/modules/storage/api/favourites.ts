import { createRoute } from '@hono/zod-openapi';
import { filePageSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema, pageQuerySchema } from '../models/files.ts';
import type { StorageApp } from './app.ts';

const favouriteOf = (method: 'put' | 'delete', summary: string) =>
  createRoute({
    method,
    path: '/v1/files/{id}/favourite',
    tags: ['favourites'],
    summary,
    ...permit('files:read'),
    request: { params: fileParamsSchema },
    responses: { 204: { description: 'So it is' }, ...problems(400, 401, 403, 404, 503) },
  });

const listRoute = createRoute({
  method: 'get',
  path: '/v1/favourites',
  tags: ['favourites'],
  summary: "The caller's favourites that they still get to see, the newest files first",
  ...permit('files:read'),
  request: { query: pageQuerySchema },
  responses: { 200: json(filePageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

export function mountFavourites(app: StorageApp): void {
  app.openapi(favouriteOf('put', 'Make it a favourite of the caller'), async (c) => {
    await c.get('services').files.setFavourite(c.get('principal').userId, c.req.valid('param').id, true);
    return c.body(null, 204);
  });

  app.openapi(favouriteOf('delete', 'Not a favourite of the caller any more'), async (c) => {
    await c.get('services').files.setFavourite(c.get('principal').userId, c.req.valid('param').id, false);
    return c.body(null, 204);
  });

  app.openapi(listRoute, async (c) => {
    return c.json(
      await c.get('services').files.favourites(c.get('principal').userId, c.req.valid('query')),
      200,
    );
  });
}
