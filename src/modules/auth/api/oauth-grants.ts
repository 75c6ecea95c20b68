import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { grantPageSchema, grantParamsSchema, grantQuerySchema } from '../models/oauth.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/auth/grants',
  tags: ['auth'],
  summary: 'Programs that may act in your name, the newest first',
  ...permit('account:read'),
  request: { query: grantQuerySchema },
  responses: { 200: json(grantPageSchema, 'A page of grants'), ...problems(400, 401, 403, 503) },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/grants/{id}',
  tags: ['auth'],
  summary: 'End what a program may do in your name',
  ...permit('account:write'),
  request: { params: grantParamsSchema },
  responses: { 204: { description: 'Ended' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountOauthGrants(app: AuthApp): void {
  app.openapi(listRoute, async (c) => {
    const { grants } = c.get('services').oauth;
    return c.json(await grants.list(c.get('principal'), c.req.valid('query')), 200, NO_STORE);
  });

  app.openapi(revokeRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.get('services').oauth.grants.revoke(c.get('principal'), id, c.get('caller'));
    return c.body(null, 204);
  });
}
