import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { roleInputSchema, roleParamsSchema, roleSchema, rolesSchema } from '../models/roles.ts';
import { workspaceParamsSchema } from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['roles'];

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/roles',
  tags,
  summary: 'All roles, of the deployment and of workspaces, with what they permit',
  ...permit('roles:write'),
  responses: { 200: json(rolesSchema, 'The roles'), ...problems(401, 403, 503) },
});

const setRoute = createRoute({
  method: 'put',
  path: '/v1/admin/roles/{scope}/{name}',
  tags,
  summary: 'Make or change a custom role; it permits no more than the caller may do',
  ...permit('roles:write', { recent: true }),
  request: { params: roleParamsSchema, body: jsonBody(roleInputSchema) },
  responses: { 200: json(roleSchema, 'The role'), ...problems(400, 401, 403, 409, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/admin/roles/{scope}/{name}',
  tags,
  summary: 'Delete a custom role that nobody has',
  ...permit('roles:write', { recent: true }),
  request: { params: roleParamsSchema },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const ofWorkspaceRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces/{id}/roles',
  tags: ['workspaces'],
  summary: 'The roles that a member can have, with what they permit',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params: workspaceParamsSchema },
  responses: { 200: json(rolesSchema, 'The roles'), ...problems(400, 401, 403, 404, 503) },
});

export function mountRoles(app: AuthApp): void {
  app.openapi(listRoute, async (c) => c.json({ items: await c.get('services').roles.list() }, 200, NO_STORE));

  app.openapi(setRoute, async (c) => {
    const { scope, name } = c.req.valid('param');
    const role = await c.get('services').roles.set(scope, name, c.req.valid('json'), askingOf(c));
    return c.json(role, 200, NO_STORE);
  });

  app.openapi(deleteRoute, async (c) => {
    const { scope, name } = c.req.valid('param');
    await c.get('services').roles.delete(scope, name, askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(ofWorkspaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    const items = await c.get('services').roles.listOfWorkspace(id, c.get('principal'));
    return c.json({ items }, 200, NO_STORE);
  });
}
