import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import type { Principal } from '../../../core/security/principal.ts';
import {
  apiKeyPageSchema,
  apiKeyParamsSchema,
  apiKeySchema,
  createApiKeySchema,
  listApiKeysSchema,
  newApiKeySchema,
  rotateApiKeySchema,
  updateApiKeySchema,
} from '../models/api-keys.ts';
import type { KeyHolder } from '../ports/api-keys.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const TAGS = ['api keys'];
const PATH = '/v1/auth/api-keys';

const createKeyRoute = createRoute({
  method: 'post',
  path: PATH,
  tags: TAGS,
  summary: 'Make an API key; it is shown this once',
  ...permit('keys:write', { recent: true }),
  request: { body: jsonBody(createApiKeySchema) },
  responses: { 201: json(newApiKeySchema, 'The key'), ...problems(400, 401, 403, 409, 413, 503) },
});

const listKeysRoute = createRoute({
  method: 'get',
  path: PATH,
  tags: TAGS,
  summary: 'Own API keys',
  ...permit('account:read'),
  request: { query: listApiKeysSchema },
  responses: { 200: json(apiKeyPageSchema, 'A page of them'), ...problems(400, 401, 403, 503) },
});

const getKeyRoute = createRoute({
  method: 'get',
  path: `${PATH}/{id}`,
  tags: TAGS,
  summary: 'One of the own API keys',
  ...permit('account:read'),
  request: { params: apiKeyParamsSchema },
  responses: { 200: json(apiKeySchema, 'The key, without its secret'), ...problems(400, 401, 403, 404, 503) },
});

const updateKeyRoute = createRoute({
  method: 'patch',
  path: `${PATH}/{id}`,
  tags: TAGS,
  summary: 'Rename an API key, or change where it may be used from',
  ...permit('keys:write', { recent: true }),
  request: { params: apiKeyParamsSchema, body: jsonBody(updateApiKeySchema) },
  responses: { 200: json(apiKeySchema, 'As it is now'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const revokeKeyRoute = createRoute({
  method: 'delete',
  path: `${PATH}/{id}`,
  tags: TAGS,
  summary: 'Revoke an API key, at once and for good',
  ...permit('account:write'),
  request: { params: apiKeyParamsSchema },
  responses: { 204: { description: 'Revoked' }, ...problems(400, 401, 403, 404, 503) },
});

const rotateKeyRoute = createRoute({
  method: 'post',
  path: `${PATH}/{id}/rotate`,
  tags: TAGS,
  summary: 'Put a new key in the place of an older one, which works for a while yet',
  ...permit('keys:write', { recent: true }),
  request: { params: apiKeyParamsSchema, body: jsonBody(rotateApiKeySchema) },
  responses: { 201: json(newApiKeySchema, 'The new key'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const holderOf = ({ userId }: Principal): KeyHolder => ({ userId });

export function mountApiKeys(app: AuthApp): void {
  app.openapi(createKeyRoute, async (c) => {
    const principal = c.get('principal');
    const { apiKeys } = c.get('services');
    const created = await apiKeys.create(
      c.req.valid('json'),
      holderOf(principal),
      principal,
      c.get('caller'),
    );
    return c.json(created, 201, NO_STORE);
  });

  app.openapi(listKeysRoute, async (c) =>
    c.json(
      await c
        .get('services')
        .apiKeys.list(c.req.valid('query'), holderOf(c.get('principal')), c.get('principal')),
      200,
      NO_STORE,
    ),
  );

  app.openapi(getKeyRoute, async (c) =>
    c.json(
      await c
        .get('services')
        .apiKeys.get(c.req.valid('param').id, holderOf(c.get('principal')), c.get('principal')),
      200,
      NO_STORE,
    ),
  );

  app.openapi(updateKeyRoute, async (c) => {
    const principal = c.get('principal');
    const { id } = c.req.valid('param');
    const { apiKeys } = c.get('services');
    const updated = await apiKeys.update(
      id,
      c.req.valid('json'),
      holderOf(principal),
      principal,
      c.get('caller'),
    );
    return c.json(updated, 200, NO_STORE);
  });

  app.openapi(revokeKeyRoute, async (c) => {
    const principal = c.get('principal');
    await c
      .get('services')
      .apiKeys.revoke(c.req.valid('param').id, holderOf(principal), principal, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(rotateKeyRoute, async (c) => {
    const principal = c.get('principal');
    const { id } = c.req.valid('param');
    const { overlapSeconds } = c.req.valid('json');
    const { apiKeys } = c.get('services');
    const rotated = await apiKeys.rotate(id, overlapSeconds, holderOf(principal), principal, c.get('caller'));
    return c.json(rotated, 201, NO_STORE);
  });
}
