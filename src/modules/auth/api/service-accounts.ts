import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { pageQuerySchema } from '../models/pages.ts';
import {
  createServiceAccountSchema,
  serviceAccountPageSchema,
  serviceAccountParamsSchema,
  serviceAccountSchema,
  updateServiceAccountSchema,
} from '../models/service-accounts.ts';
import { userIdSchema } from '../models/users.ts';
import { workspaceParamsSchema } from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const TAGS = ['service accounts'];
export const SERVICE_ACCOUNTS_PATH = '/v1/workspaces/{id}/service-accounts';

const createAccountRoute = createRoute({
  method: 'post',
  path: SERVICE_ACCOUNTS_PATH,
  tags: TAGS,
  summary: 'Make a service account in a workspace',
  ...permit('workspaces:write', { recent: true }),
  request: { params: workspaceParamsSchema, body: jsonBody(createServiceAccountSchema) },
  responses: {
    201: json(serviceAccountSchema, 'The account'),
    ...problems(400, 401, 403, 404, 409, 413, 503),
  },
});

const listAccountsRoute = createRoute({
  method: 'get',
  path: SERVICE_ACCOUNTS_PATH,
  tags: TAGS,
  summary: 'Service accounts of a workspace',
  ...permit('workspaces:read'),
  request: { params: workspaceParamsSchema, query: pageQuerySchema(userIdSchema) },
  responses: { 200: json(serviceAccountPageSchema, 'A page of them'), ...problems(400, 401, 403, 404, 503) },
});

const getAccountRoute = createRoute({
  method: 'get',
  path: `${SERVICE_ACCOUNTS_PATH}/{accountId}`,
  tags: TAGS,
  summary: 'One service account',
  ...permit('workspaces:read'),
  request: { params: serviceAccountParamsSchema },
  responses: { 200: json(serviceAccountSchema, 'The account'), ...problems(400, 401, 403, 404, 503) },
});

const updateAccountRoute = createRoute({
  method: 'patch',
  path: `${SERVICE_ACCOUNTS_PATH}/{accountId}`,
  tags: TAGS,
  summary: 'Rename a service account, disable it, or enable it again',
  ...permit('workspaces:write', { recent: true }),
  request: { params: serviceAccountParamsSchema, body: jsonBody(updateServiceAccountSchema) },
  responses: { 200: json(serviceAccountSchema, 'As it is now'), ...problems(400, 401, 403, 404, 413, 503) },
});

const removeAccountRoute = createRoute({
  method: 'delete',
  path: `${SERVICE_ACCOUNTS_PATH}/{accountId}`,
  tags: TAGS,
  summary: 'Remove a service account and revoke its keys',
  ...permit('workspaces:write', { recent: true }),
  request: { params: serviceAccountParamsSchema },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountServiceAccounts(app: AuthApp): void {
  app.openapi(createAccountRoute, async (c) => {
    const input = { ...c.req.valid('json'), workspaceId: c.req.valid('param').id };
    const { serviceAccounts } = c.get('services');
    const account = await serviceAccounts.create(input, c.get('principal'), c.get('caller'));
    return c.json(account, 201, NO_STORE);
  });

  app.openapi(listAccountsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { serviceAccounts } = c.get('services');
    return c.json(await serviceAccounts.list(id, c.req.valid('query'), c.get('principal')), 200, NO_STORE);
  });

  app.openapi(getAccountRoute, async (c) => {
    const { id, accountId } = c.req.valid('param');
    const { serviceAccounts } = c.get('services');
    return c.json(await serviceAccounts.get(id, accountId, c.get('principal')), 200, NO_STORE);
  });

  app.openapi(updateAccountRoute, async (c) => {
    const { id: workspaceId, accountId } = c.req.valid('param');
    const input = { ...c.req.valid('json'), workspaceId, accountId };
    const { serviceAccounts } = c.get('services');
    return c.json(await serviceAccounts.update(input, c.get('principal'), c.get('caller')), 200, NO_STORE);
  });

  app.openapi(removeAccountRoute, async (c) => {
    const { id, accountId } = c.req.valid('param');
    await c.get('services').serviceAccounts.remove(id, accountId, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
