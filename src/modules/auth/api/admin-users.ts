import { createRoute, z } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  adminUserChangeSchema,
  adminUserDetailSchema,
  adminUsersQuerySchema,
  adminUsersSchema,
  endedSessionsSchema,
  revokeAllSchema,
} from '../models/admin-users.ts';
import { userIdSchema } from '../models/users.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['administration'];
const params = z.object({ id: userIdSchema });

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/users',
  tags,
  summary: 'Users of the deployment, searched and filtered',
  ...permit('users:read'),
  request: { query: adminUsersQuerySchema },
  responses: { 200: json(adminUsersSchema, 'A page of users'), ...problems(400, 401, 403, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/admin/users/{id}',
  tags,
  summary: 'A user, with their factors and sessions',
  ...permit('users:read'),
  request: { params },
  responses: { 200: json(adminUserDetailSchema, 'The user'), ...problems(400, 401, 403, 404, 503) },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/admin/users/{id}',
  tags,
  summary: 'Assign a role, disable or enable, rename',
  ...permit('users:write', { recent: true }),
  request: { params, body: jsonBody(adminUserChangeSchema) },
  responses: {
    200: json(adminUserDetailSchema, 'The user as they are now'),
    ...problems(400, 401, 403, 404, 409, 413, 503),
  },
});

const logoutRoute = createRoute({
  method: 'post',
  path: '/v1/admin/users/{id}/logout',
  tags,
  summary: 'End all sessions of a user',
  ...permit('users:write', { recent: true }),
  request: { params },
  responses: { 200: json(endedSessionsSchema, 'Ended'), ...problems(400, 401, 403, 404, 503) },
});

const removeFactorsRoute = createRoute({
  method: 'delete',
  path: '/v1/admin/users/{id}/mfa',
  tags,
  summary: 'Take away the second factors and passkeys of a user, who is told by e-mail',
  ...permit('users:write', { recent: true }),
  request: { params },
  responses: { 204: { description: 'Taken away' }, ...problems(400, 401, 403, 404, 503) },
});

const revokeAllRoute = createRoute({
  method: 'post',
  path: '/v1/admin/sessions/revoke-all',
  tags,
  summary: 'End the sessions of everybody but the caller',
  ...permit('users:write', { recent: true }),
  request: { body: jsonBody(revokeAllSchema) },
  responses: { 200: json(endedSessionsSchema, 'Ended'), ...problems(400, 401, 403, 413, 503) },
});

export function mountAdminUsers(app: AuthApp): void {
  app.openapi(listRoute, async (c) =>
    c.json(await c.get('services').adminUsers.list(c.req.valid('query')), 200, NO_STORE),
  );

  app.openapi(getRoute, async (c) =>
    c.json(await c.get('services').adminUsers.get(c.req.valid('param').id), 200, NO_STORE),
  );

  app.openapi(changeRoute, async (c) => {
    const { id } = c.req.valid('param');
    const change = c.req.valid('json');
    const user = await c.get('services').adminUsers.change(id, change, c.get('principal'), c.get('caller'));
    return c.json(user, 200, NO_STORE);
  });

  app.openapi(logoutRoute, async (c) => {
    const { id } = c.req.valid('param');
    const ended = await c.get('services').adminUsers.logout(id, c.get('principal'), c.get('caller'));
    return c.json({ ended }, 200, NO_STORE);
  });

  app.openapi(removeFactorsRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.get('services').adminUsers.removeFactors(id, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(revokeAllRoute, async (c) => {
    const ended = await c.get('services').adminUsers.logoutEverybody(c.get('principal'), c.get('caller'));
    return c.json({ ended }, 200, NO_STORE);
  });
}
