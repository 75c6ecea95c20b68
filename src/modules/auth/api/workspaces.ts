import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { pageQuerySchema } from '../models/pages.ts';
import {
  workspaceIdSchema,
  workspaceInputSchema,
  workspacePageSchema,
  workspaceParamsSchema,
  workspaceSchema,
} from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['workspaces'];
const params = workspaceParamsSchema;

const createWorkspaceRoute = createRoute({
  method: 'post',
  path: '/v1/workspaces',
  tags,
  summary: 'Open a workspace; the caller becomes its owner',
  ...permit('workspaces:write'),
  request: { body: jsonBody(workspaceInputSchema) },
  responses: { 201: json(workspaceSchema, 'The workspace'), ...problems(400, 401, 403, 413, 429, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces',
  tags,
  summary: 'Workspaces that the caller belongs to',
  ...permit('workspaces:read'),
  request: { query: pageQuerySchema(workspaceIdSchema) },
  responses: { 200: json(workspacePageSchema, 'A page of them'), ...problems(400, 401, 403, 503) },
});

const getWorkspaceRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces/{id}',
  tags,
  summary: 'A workspace',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params },
  responses: { 200: json(workspaceSchema, 'The workspace'), ...problems(400, 401, 403, 404, 503) },
});

const renameRoute = createRoute({
  method: 'patch',
  path: '/v1/workspaces/{id}',
  tags,
  summary: 'Rename a workspace',
  ...permit('workspaces:write'),
  ...inWorkspace('workspace:write'),
  request: { params, body: jsonBody(workspaceInputSchema) },
  responses: { 200: json(workspaceSchema, 'The workspace'), ...problems(400, 401, 403, 404, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/workspaces/{id}',
  tags,
  summary: 'Delete a workspace; its members lose it at once',
  ...permit('workspaces:write', { recent: true }),
  ...inWorkspace('workspace:delete'),
  request: { params },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountWorkspaces(app: AuthApp): void {
  app.openapi(createWorkspaceRoute, async (c) => {
    const { name } = c.req.valid('json');
    return c.json(await c.get('services').workspaces.create(name, askingOf(c)), 201, NO_STORE);
  });

  app.openapi(listRoute, async (c) =>
    c.json(await c.get('services').workspaces.list(c.get('principal'), c.req.valid('query')), 200, NO_STORE),
  );

  app.openapi(getWorkspaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(await c.get('services').workspaces.get(id, c.get('principal')), 200, NO_STORE);
  });

  app.openapi(renameRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { name } = c.req.valid('json');
    return c.json(await c.get('services').workspaces.rename(id, name, askingOf(c)), 200, NO_STORE);
  });

  app.openapi(deleteRoute, async (c) => {
    await c.get('services').workspaces.delete(c.req.valid('param').id, askingOf(c));
    return c.body(null, 204);
  });
}
