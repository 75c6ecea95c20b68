import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/files.ts';
import {
  createLinkSchema,
  linkPageSchema,
  linkParamsSchema,
  linkSchema,
  linksQuerySchema,
  newLinkSchema,
  updateLinkSchema,
} from '../models/links.ts';
import type { StorageApp } from './app.ts';
import { askerOf } from './asker.ts';
import { permitCreation } from './idempotency.ts';

const createLinkRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/links',
  tags: ['links'],
  summary: 'A secret address of a file or folder, for whoever has it; its token is shown this once',
  ...permitCreation('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(createLinkSchema) },
  responses: { 201: json(newLinkSchema, 'The link'), ...problems(400, 401, 403, 404, 409, 422, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/links',
  tags: ['links'],
  summary: 'Links to a file or folder, whoever made them',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: linksQuerySchema },
  responses: { 200: json(linkPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const mineRoute = createRoute({
  method: 'get',
  path: '/v1/links',
  tags: ['links'],
  summary: 'Links that I made, the newest first',
  ...permit('files:read'),
  request: { query: linksQuerySchema },
  responses: { 200: json(linkPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/links/{linkId}',
  tags: ['links'],
  summary: 'Another password, end, limit or name; null takes it away',
  ...permit('files:write'),
  request: { params: linkParamsSchema, body: jsonBody(updateLinkSchema) },
  responses: { 200: json(linkSchema, 'The link'), ...problems(400, 401, 403, 404, 503) },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/links/{linkId}',
  tags: ['links'],
  summary: 'Revoke a link, at once',
  ...permit('files:write'),
  request: { params: linkParamsSchema },
  responses: { 204: { description: 'It works no more' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountLinks(app: StorageApp): void {
  app.openapi(createLinkRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { links } = c.get('services');
    const link = await links.create(askerOf(c), id, c.req.valid('json'), c.get('resourceUuid'));
    return c.json(link, 201, { location: `/v1/links/${link.id}`, 'cache-control': 'no-store' });
  });

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { userId } = c.get('principal');
    return c.json(await c.get('services').links.ofFile(userId, id, c.req.valid('query')), 200);
  });

  app.openapi(mineRoute, async (c) => {
    const { userId } = c.get('principal');
    return c.json(await c.get('services').links.ofUser(userId, c.req.valid('query')), 200);
  });

  app.openapi(updateRoute, async (c) => {
    const { linkId } = c.req.valid('param');
    return c.json(await c.get('services').links.update(askerOf(c), linkId, c.req.valid('json')), 200);
  });

  app.openapi(revokeRoute, async (c) => {
    await c.get('services').links.revoke(askerOf(c), c.req.valid('param').linkId);
    return c.body(null, 204);
  });
}
