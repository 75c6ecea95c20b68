import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  drivePageSchema,
  driveParamsSchema,
  driveQuotaSchema,
  driveSchema,
  driveSettingsSchema,
  drivesQuerySchema,
} from '../models/drives.ts';
import type { StorageApp } from './app.ts';
import { askerOf } from './asker.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/drives',
  tags: ['drives'],
  summary: "The caller's own drive and those of their workspaces",
  ...permit('files:read'),
  request: { query: drivesQuerySchema },
  responses: { 200: json(drivePageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}',
  tags: ['drives'],
  summary: 'A drive: what is used, what may be',
  ...permit('files:read'),
  request: { params: driveParamsSchema },
  responses: { 200: json(driveSchema, 'The drive'), ...problems(400, 401, 403, 404, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/drives/{driveId}',
  tags: ['drives'],
  summary: 'How long versions and trash are kept; for whoever manages the drive',
  ...permit('files:write'),
  request: { params: driveParamsSchema, body: jsonBody(driveSettingsSchema) },
  responses: { 200: json(driveSchema, 'The drive'), ...problems(400, 401, 403, 404, 413, 503) },
});

const quotaRoute = createRoute({
  method: 'put',
  path: '/v1/admin/storage/drives/{driveId}/quota',
  tags: ['admin'],
  summary: 'How much may be in a drive',
  ...permit('configuration:write'),
  request: { params: driveParamsSchema, body: jsonBody(driveQuotaSchema) },
  responses: { 200: json(driveQuotaSchema, 'The quota'), ...problems(400, 401, 403, 404, 413, 503) },
});

export function mountDrives(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    return c.json(await c.get('services').drives.list(c.get('principal').userId, c.req.valid('query')), 200);
  });

  app.openapi(getRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').drives.drive(c.get('principal').userId, driveId), 200);
  });

  app.openapi(updateRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').drives.setSettings(askerOf(c), driveId, c.req.valid('json')), 200);
  });

  app.openapi(quotaRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').drives.setQuota(askerOf(c), driveId, c.req.valid('json')), 200);
  });
}
