import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { pageQuerySchema } from '../models/pages.ts';
import { userIdSchema } from '../models/users.ts';
import {
  groupIdSchema,
  groupInputSchema,
  groupMemberPageSchema,
  groupMemberParamsSchema,
  groupPageSchema,
  groupParamsSchema,
  groupSchema,
  workspaceParamsSchema,
} from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['groups'];
const GROUPS = '/v1/workspaces/{id}/groups';
const GROUP = `${GROUPS}/{groupId}` as const;
const MEMBER = `${GROUP}/members/{userId}` as const;
const changed = problems(400, 401, 403, 404, 409, 413, 503);
const missing = problems(400, 401, 403, 404, 503);

const listRoute = createRoute({
  method: 'get',
  path: GROUPS,
  tags,
  summary: 'Groups of a workspace',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params: workspaceParamsSchema, query: pageQuerySchema(groupIdSchema) },
  responses: { 200: json(groupPageSchema, 'A page of them'), ...missing },
});

const createGroupRoute = createRoute({
  method: 'post',
  path: GROUPS,
  tags,
  summary: 'Make a group',
  ...permit('workspaces:write'),
  ...inWorkspace('groups:write'),
  request: { params: workspaceParamsSchema, body: jsonBody(groupInputSchema) },
  responses: { 201: json(groupSchema, 'The group'), ...changed },
});

const getGroupRoute = createRoute({
  method: 'get',
  path: GROUP,
  tags,
  summary: 'A group',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params: groupParamsSchema },
  responses: { 200: json(groupSchema, 'The group'), ...missing },
});

const renameRoute = createRoute({
  method: 'patch',
  path: GROUP,
  tags,
  summary: 'Rename a group',
  ...permit('workspaces:write'),
  ...inWorkspace('groups:write'),
  request: { params: groupParamsSchema, body: jsonBody(groupInputSchema) },
  responses: { 200: json(groupSchema, 'The group'), ...changed },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: GROUP,
  tags,
  summary: 'Delete a group',
  ...permit('workspaces:write'),
  ...inWorkspace('groups:write'),
  request: { params: groupParamsSchema },
  responses: { 204: { description: 'Deleted' }, ...missing },
});

const membersRoute = createRoute({
  method: 'get',
  path: `${GROUP}/members`,
  tags,
  summary: 'Members of a group',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params: groupParamsSchema, query: pageQuerySchema(userIdSchema) },
  responses: { 200: json(groupMemberPageSchema, 'A page of them'), ...missing },
});

const addRoute = createRoute({
  method: 'put',
  path: MEMBER,
  tags,
  summary: 'Put a member of the workspace into a group',
  ...permit('workspaces:write'),
  ...inWorkspace('groups:write'),
  request: { params: groupMemberParamsSchema },
  responses: { 204: { description: 'In the group' }, ...missing },
});

const removeRoute = createRoute({
  method: 'delete',
  path: MEMBER,
  tags,
  summary: 'Take a member out of a group',
  ...permit('workspaces:write'),
  ...inWorkspace('groups:write'),
  request: { params: groupMemberParamsSchema },
  responses: { 204: { description: 'Out of the group' }, ...missing },
});

export function mountGroups(app: AuthApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const page = await c.get('services').groups.list(id, c.get('principal'), c.req.valid('query'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(createGroupRoute, async (c) => {
    const { id } = c.req.valid('param');
    const group = await c.get('services').groups.create(id, c.req.valid('json').name, askingOf(c));
    return c.json(group, 201, NO_STORE);
  });

  app.openapi(getGroupRoute, async (c) => {
    const { id, groupId } = c.req.valid('param');
    return c.json(await c.get('services').groups.get(id, groupId, c.get('principal')), 200, NO_STORE);
  });

  app.openapi(renameRoute, async (c) => {
    const { id, groupId } = c.req.valid('param');
    const group = await c.get('services').groups.rename(id, groupId, c.req.valid('json').name, askingOf(c));
    return c.json(group, 200, NO_STORE);
  });

  app.openapi(deleteRoute, async (c) => {
    const { id, groupId } = c.req.valid('param');
    await c.get('services').groups.delete(id, groupId, askingOf(c));
    return c.body(null, 204);
  });

  mountGroupMembers(app);
}

function mountGroupMembers(app: AuthApp): void {
  app.openapi(membersRoute, async (c) => {
    const { id, groupId } = c.req.valid('param');
    const { groups } = c.get('services');
    const page = await groups.listMembers(id, groupId, c.get('principal'), c.req.valid('query'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(addRoute, async (c) => {
    const { id, groupId, userId } = c.req.valid('param');
    await c.get('services').groups.addMember(id, groupId, userId, askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(removeRoute, async (c) => {
    const { id, groupId, userId } = c.req.valid('param');
    await c.get('services').groups.removeMember(id, groupId, userId, askingOf(c));
    return c.body(null, 204);
  });
}
