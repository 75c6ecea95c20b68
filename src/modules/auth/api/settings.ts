import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { settingsParamSchema, settingsSchema, settingsValuesSchema } from '../models/settings.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const getRoute = createRoute({
  method: 'get',
  path: '/v1/admin/settings/{module}',
  tags: ['configuration'],
  summary: 'What is set for a module; everything else is as its environment says',
  ...permit('configuration:write'),
  request: { params: settingsParamSchema },
  responses: { 200: json(settingsSchema, 'The settings'), ...problems(400, 401, 403, 404, 503) },
});

const setRoute = createRoute({
  method: 'put',
  path: '/v1/admin/settings/{module}',
  tags: ['configuration'],
  summary: 'Set all settings of a module; they take effect within seconds',
  ...permit('configuration:write', { recent: true }),
  request: { params: settingsParamSchema, body: jsonBody(settingsValuesSchema) },
  responses: { 200: json(settingsSchema, 'The settings'), ...problems(400, 401, 403, 404, 413, 503) },
});

export function mountSettings(app: AuthApp): void {
  app.openapi(getRoute, async (c) =>
    c.json(await c.get('services').settings.get(c.req.valid('param').module), 200, NO_STORE),
  );

  app.openapi(setRoute, async (c) => {
    const { module } = c.req.valid('param');
    const { settings } = c.get('services');
    const stored = await settings.set(module, c.req.valid('json'), c.get('principal'), c.get('caller'));
    return c.json(stored, 200, NO_STORE);
  });
}
