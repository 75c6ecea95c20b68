import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { flagListSchema, flagNameParamSchema, flagSchema, flagStateSchema } from '../models/flags.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/flags',
  tags: ['configuration'],
  summary: 'Every switch, with its default and what is set',
  ...permit('configuration:write'),
  responses: { 200: json(flagListSchema, 'All of them'), ...problems(401, 403, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/admin/flags/{name}',
  tags: ['configuration'],
  summary: 'One switch',
  ...permit('configuration:write'),
  request: { params: flagNameParamSchema },
  responses: { 200: json(flagSchema, 'The switch'), ...problems(400, 401, 403, 404, 503) },
});

const setRoute = createRoute({
  method: 'put',
  path: '/v1/admin/flags/{name}',
  tags: ['configuration'],
  summary: 'Set a switch; it takes effect within seconds',
  ...permit('configuration:write', { recent: true }),
  request: { params: flagNameParamSchema, body: jsonBody(flagStateSchema) },
  responses: { 200: json(flagSchema, 'The switch'), ...problems(400, 401, 403, 404, 413, 503) },
});

const resetRoute = createRoute({
  method: 'delete',
  path: '/v1/admin/flags/{name}',
  tags: ['configuration'],
  summary: 'Set a switch back to its default',
  ...permit('configuration:write', { recent: true }),
  request: { params: flagNameParamSchema },
  responses: { 204: { description: 'The default holds' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountFlags(app: AuthApp): void {
  app.openapi(listRoute, async (c) => c.json({ items: await c.get('services').flags.list() }, 200, NO_STORE));

  app.openapi(getRoute, async (c) =>
    c.json(await c.get('services').flags.get(c.req.valid('param').name), 200, NO_STORE),
  );

  app.openapi(setRoute, async (c) => {
    const { name } = c.req.valid('param');
    const { flags } = c.get('services');
    const flag = await flags.set(name, c.req.valid('json'), c.get('principal'), c.get('caller'));
    return c.json(flag, 200, NO_STORE);
  });

  app.openapi(resetRoute, async (c) => {
    await c.get('services').flags.reset(c.req.valid('param').name, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
