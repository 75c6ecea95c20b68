import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { driveParamsSchema } from '../models/drives.ts';
import {
  drivePluginPageSchema,
  drivePluginSchema,
  pluginPageSchema,
  pluginParamsSchema,
  pluginSettingSchema,
} from '../models/plugins.ts';
import type { AiApp } from './app.ts';
import { askerOf } from './asker.ts';

const tags = ['plugins'];

const installedRoute = createRoute({
  method: 'get',
  path: '/v1/plugins',
  tags,
  summary: 'Analysis steps that are installed',
  ...permit('files:read'),
  responses: { 200: json(pluginPageSchema, 'All of them'), ...problems(401, 403, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/plugins',
  tags,
  summary: 'Analysis steps, and which of them run on files of a drive',
  ...permit('files:read'),
  request: { params: driveParamsSchema },
  responses: { 200: json(drivePluginPageSchema, 'All of them'), ...problems(400, 401, 403, 404, 503) },
});

const setRoute = createRoute({
  method: 'put',
  path: '/v1/drives/{driveId}/plugins/{name}',
  tags,
  summary: 'Switch an analysis step on or off for a drive',
  description:
    'What is off does not run, and what it has found is not shown; it is kept, and shown again when the step is on again.',
  ...permit('files:write'),
  request: { params: pluginParamsSchema, body: jsonBody(pluginSettingSchema) },
  responses: { 200: json(drivePluginSchema, 'The plugin'), ...problems(400, 401, 403, 404, 413, 503) },
});

export function mountPlugins(app: AiApp): void {
  app.openapi(installedRoute, async (c) => {
    return c.json({ items: await c.get('services').plugins.installed(), nextCursor: null }, 200);
  });

  app.openapi(listRoute, async (c) => {
    const { userId } = c.get('principal');
    const items = await c.get('services').plugins.list(userId, c.req.valid('param').driveId);
    return c.json({ items, nextCursor: null }, 200);
  });

  app.openapi(setRoute, async (c) => {
    const { driveId, name } = c.req.valid('param');
    const { enabled } = c.req.valid('json');
    return c.json(await c.get('services').plugins.set(askerOf(c), driveId, name, enabled), 200);
  });
}
