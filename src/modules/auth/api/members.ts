import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { pageQuerySchema } from '../models/pages.ts';
import { userIdSchema } from '../models/users.ts';
import {
  memberInputSchema,
  memberPageSchema,
  memberParamsSchema,
  memberSchema,
  transferSchema,
  workspaceParamsSchema,
} from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['workspaces'];

const listRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces/{id}/members',
  tags,
  summary: 'Members; with their addresses for whoever manages them',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params: workspaceParamsSchema, query: pageQuerySchema(userIdSchema) },
  responses: { 200: json(memberPageSchema, 'A page of them'), ...problems(400, 401, 403, 404, 503) },
});

const setRoleRoute = createRoute({
  method: 'patch',
  path: '/v1/workspaces/{id}/members/{userId}',
  tags,
  summary: 'Give a member another role, at most as mighty as the own one',
  ...permit('workspaces:write', { recent: true }),
  ...inWorkspace('members:write'),
  request: { params: memberParamsSchema, body: jsonBody(memberInputSchema) },
  responses: { 200: json(memberSchema, 'The member'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/workspaces/{id}/members/{userId}',
  tags,
  summary: 'Remove a member, from its groups too',
  ...permit('workspaces:write'),
  ...inWorkspace('members:write'),
  request: { params: memberParamsSchema },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const leaveRoute = createRoute({
  method: 'post',
  path: '/v1/workspaces/{id}/leave',
  tags,
  summary: 'Leave a workspace; possible to whoever its policy restricts, too',
  ...permit('account:write'),
  request: { params: workspaceParamsSchema },
  responses: { 204: { description: 'Left' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const transferRoute = createRoute({
  method: 'post',
  path: '/v1/workspaces/{id}/transfer',
  tags,
  summary: 'Make another member the owner; the caller becomes an admin',
  ...permit('workspaces:write', { recent: true }),
  ...inWorkspace('ownership:transfer'),
  request: { params: workspaceParamsSchema, body: jsonBody(transferSchema) },
  responses: { 204: { description: 'Transferred' }, ...problems(400, 401, 403, 404, 413, 503) },
});

export function mountMembers(app: AuthApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const page = await c.get('services').members.list(id, c.get('principal'), c.req.valid('query'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(setRoleRoute, async (c) => {
    const { id, userId } = c.req.valid('param');
    const { role } = c.req.valid('json');
    return c.json(await c.get('services').members.setRole(id, userId, role, askingOf(c)), 200, NO_STORE);
  });

  app.openapi(removeRoute, async (c) => {
    const { id, userId } = c.req.valid('param');
    await c.get('services').members.remove(id, userId, askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(leaveRoute, async (c) => {
    await c.get('services').members.leave(c.req.valid('param').id, askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(transferRoute, async (c) => {
    const { userId } = c.req.valid('json');
    await c.get('services').members.transfer(c.req.valid('param').id, userId, askingOf(c));
    return c.body(null, 204);
  });
}
