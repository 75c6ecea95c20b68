import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  apiKeyPageSchema,
  apiKeySchema,
  createApiKeySchema,
  listApiKeysSchema,
  newApiKeySchema,
  rotateApiKeySchema,
  updateApiKeySchema,
} from '../models/api-keys.ts';
import { serviceAccountKeyParamsSchema, serviceAccountParamsSchema } from '../models/service-accounts.ts';
import type { KeyHolder } from '../ports/api-keys.ts';
import type { AuthApp } from './app.ts';
import { SERVICE_ACCOUNTS_PATH } from './service-accounts.ts';
import { NO_STORE } from './tokens.ts';

const TAGS = ['service accounts'];
const PATH = `${SERVICE_ACCOUNTS_PATH}/{accountId}/keys` as const;

const createKeyRoute = createRoute({
  method: 'post',
  path: PATH,
  tags: TAGS,
  summary: 'Make a key of a service account; it is shown this once',
  ...permit('keys:write', { recent: true }),
  request: { params: serviceAccountParamsSchema, body: jsonBody(createApiKeySchema) },
  responses: { 201: json(newApiKeySchema, 'The key'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const listKeysRoute = createRoute({
  method: 'get',
  path: PATH,
  tags: TAGS,
  summary: 'Keys of a service account',
  ...permit('workspaces:read'),
  request: { params: serviceAccountParamsSchema, query: listApiKeysSchema },
  responses: { 200: json(apiKeyPageSchema, 'A page of them'), ...problems(400, 401, 403, 404, 503) },
});

const getKeyRoute = createRoute({
  method: 'get',
  path: `${PATH}/{keyId}`,
  tags: TAGS,
  summary: 'One key of a service account',
  ...permit('workspaces:read'),
  request: { params: serviceAccountKeyParamsSchema },
  responses: { 200: json(apiKeySchema, 'The key, without its secret'), ...problems(400, 401, 403, 404, 503) },
});

const updateKeyRoute = createRoute({
  method: 'patch',
  path: `${PATH}/{keyId}`,
  tags: TAGS,
  summary: 'Rename a key of a service account, or change where it may be used from',
  ...permit('keys:write', { recent: true }),
  request: { params: serviceAccountKeyParamsSchema, body: jsonBody(updateApiKeySchema) },
  responses: { 200: json(apiKeySchema, 'As it is now'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const revokeKeyRoute = createRoute({
  method: 'delete',
  path: `${PATH}/{keyId}`,
  tags: TAGS,
  summary: 'Revoke a key of a service account, at once and for good',
  ...permit('workspaces:write'),
  request: { params: serviceAccountKeyParamsSchema },
  responses: { 204: { description: 'Revoked' }, ...problems(400, 401, 403, 404, 503) },
});

const rotateKeyRoute = createRoute({
  method: 'post',
  path: `${PATH}/{keyId}/rotate`,
  tags: TAGS,
  summary: 'Put a new key in the place of an older one, which works for a while yet',
  ...permit('keys:write', { recent: true }),
  request: { params: serviceAccountKeyParamsSchema, body: jsonBody(rotateApiKeySchema) },
  responses: { 201: json(newApiKeySchema, 'The new key'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const holderOf = ({ id, accountId }: { id: string; accountId: string }): KeyHolder => ({
  userId: accountId,
  workspaceId: id,
});

export function mountServiceAccountKeys(app: AuthApp): void {
  app.openapi(createKeyRoute, async (c) => {
    const holder = holderOf(c.req.valid('param'));
    const { apiKeys } = c.get('services');
    const created = await apiKeys.create(c.req.valid('json'), holder, c.get('principal'), c.get('caller'));
    return c.json(created, 201, NO_STORE);
  });

  app.openapi(listKeysRoute, async (c) => {
    const holder = holderOf(c.req.valid('param'));
    const { apiKeys } = c.get('services');
    return c.json(await apiKeys.list(c.req.valid('query'), holder, c.get('principal')), 200, NO_STORE);
  });

  app.openapi(getKeyRoute, async (c) => {
    const { keyId, ...params } = c.req.valid('param');
    const { apiKeys } = c.get('services');
    return c.json(await apiKeys.get(keyId, holderOf(params), c.get('principal')), 200, NO_STORE);
  });

  app.openapi(updateKeyRoute, async (c) => {
    const { keyId, ...params } = c.req.valid('param');
    const updated = await c
      .get('services')
      .apiKeys.update(keyId, c.req.valid('json'), holderOf(params), c.get('principal'), c.get('caller'));
    return c.json(updated, 200, NO_STORE);
  });

  app.openapi(revokeKeyRoute, async (c) => {
    const { keyId, ...params } = c.req.valid('param');
    await c.get('services').apiKeys.revoke(keyId, holderOf(params), c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(rotateKeyRoute, async (c) => {
    const { keyId, ...params } = c.req.valid('param');
    const { overlapSeconds } = c.req.valid('json');
    const rotated = await c
      .get('services')
      .apiKeys.rotate(keyId, overlapSeconds, holderOf(params), c.get('principal'), c.get('caller'));
    return c.json(rotated, 201, NO_STORE);
  });
}
