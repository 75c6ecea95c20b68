import { createRoute } from '@hono/zod-openapi';
import { fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import {
  fileParamsSchema,
  versionPageSchema,
  versionParamsSchema,
  versionsQuerySchema,
} from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp } from './app.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/versions',
  tags: ['versions'],
  summary: 'All versions, newest first',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: versionsQuerySchema },
  responses: { 200: json(versionPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const restoreRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/versions/{versionId}/restore',
  tags: ['versions'],
  summary: 'Make the content of an old version the newest one',
  ...permit('files:write'),
  request: { params: versionParamsSchema },
  responses: { 200: json(fileSchema, 'The file'), ...problems(400, 401, 403, 404, 412, 503) },
});

export function mountVersions(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const actor = asUser(c.get('principal').userId);
    return c.json(await c.get('services').content.versions(actor, id, c.req.valid('query')), 200);
  });

  app.openapi(restoreRoute, async (c) => {
    const { id, versionId } = c.req.valid('param');
    const file = await c.get('services').content.restoreVersion(c.get('principal').userId, id, versionId);
    c.get('written')();
    return c.json(file, 200);
  });
}
