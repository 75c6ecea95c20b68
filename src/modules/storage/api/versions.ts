import { createRoute } from '@hono/zod-openapi';
import { fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  fileParamsSchema,
  versionPageSchema,
  versionParamsSchema,
  versionSchema,
  versionsQuerySchema,
} from '../models/files.ts';
import { updateVersionSchema } from '../models/versions.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp } from './app.ts';
import { permitCreation } from './idempotency.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/versions',
  tags: ['versions'],
  summary: 'All versions, newest first',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: versionsQuerySchema },
  responses: { 200: json(versionPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/versions/{versionId}',
  tags: ['versions'],
  summary: 'A version',
  ...permit('files:read'),
  request: { params: versionParamsSchema },
  responses: { 200: json(versionSchema, 'The version'), ...problems(400, 401, 403, 404, 503) },
});

const labelRoute = createRoute({
  method: 'patch',
  path: '/v1/files/{id}/versions/{versionId}',
  tags: ['versions'],
  summary: 'Label a version; one with a label is kept by every retention',
  ...permit('files:write'),
  request: { params: versionParamsSchema, body: jsonBody(updateVersionSchema) },
  responses: { 200: json(versionSchema, 'The version as it is now'), ...problems(400, 401, 403, 404, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}/versions/{versionId}',
  tags: ['versions'],
  summary: 'Delete a version for good; not the current one',
  ...permit('files:write'),
  request: { params: versionParamsSchema },
  responses: { 204: { description: 'Gone' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const restoreRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/versions/{versionId}/restore',
  tags: ['versions'],
  summary: 'Make the content of an old version the newest one',
  description: 'With If-Match only if nobody else has written since.',
  ...permitCreation('files:write'),
  request: { params: versionParamsSchema },
  responses: {
    200: json(fileSchema, 'The file'),
    ...problems(400, 401, 403, 404, 409, 412, 422, 503, 507),
  },
});

export function mountVersions(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const actor = asUser(c.get('principal').userId);
    return c.json(await c.get('services').versions.list(actor, id, c.req.valid('query')), 200);
  });

  app.openapi(getRoute, async (c) => {
    const { id, versionId } = c.req.valid('param');
    const actor = asUser(c.get('principal').userId);
    return c.json(await c.get('services').versions.version(actor, id, versionId), 200);
  });

  app.openapi(labelRoute, async (c) => {
    const { id, versionId } = c.req.valid('param');
    const { label } = c.req.valid('json');
    const version = await c.get('services').versions.label(c.get('principal').userId, id, versionId, label);
    c.get('written')();
    return c.json(version, 200);
  });

  app.openapi(removeRoute, async (c) => {
    const { id, versionId } = c.req.valid('param');
    const asking = { principal: c.get('principal'), caller: c.get('caller') };
    await c.get('services').versions.remove(asking, id, versionId);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(restoreRoute, async (c) => {
    const { id, versionId } = c.req.valid('param');
    const ifMatch = c.req.header('if-match') ?? null;
    const file = await c.get('services').versions.restore(c.get('principal').userId, id, versionId, ifMatch, {
      resourceUuid: c.get('resourceUuid'),
      isRepeated: c.get('isRepeated'),
    });
    c.get('written')();
    return c.json(file, 200);
  });
}
