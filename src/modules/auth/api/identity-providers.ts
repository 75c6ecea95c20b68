import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  adminProviderListSchema,
  adminProviderSchema,
  providerParamsSchema,
  saveProviderSchema,
} from '../models/oidc.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const TAGS = ['administration'];
const PATH = '/v1/admin/identity-providers/{provider}';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/identity-providers',
  tags: TAGS,
  summary: 'Identity providers as they are set up',
  ...permit('providers:write'),
  responses: { 200: json(adminProviderListSchema, 'The list'), ...problems(401, 403, 503) },
});

const saveRoute = createRoute({
  method: 'put',
  path: PATH,
  tags: TAGS,
  summary: 'Set up or change an identity provider; its issuer is fixed',
  ...permit('providers:write', { recent: true }),
  request: { params: providerParamsSchema, body: jsonBody(saveProviderSchema) },
  responses: { 200: json(adminProviderSchema, 'As it is now'), ...problems(400, 401, 403, 409, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: PATH,
  tags: TAGS,
  summary: 'Remove an identity provider and all identities of it',
  ...permit('providers:write', { recent: true }),
  request: { params: providerParamsSchema },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountIdentityProviders(app: AuthApp): void {
  app.openapi(listRoute, async (c) =>
    c.json({ items: await c.get('services').identityProviders.list() }, 200, NO_STORE),
  );

  app.openapi(saveRoute, async (c) => {
    const { provider } = c.req.valid('param');
    const { identityProviders } = c.get('services');
    const saved = await identityProviders.save(
      provider,
      c.req.valid('json'),
      c.get('principal'),
      c.get('caller'),
    );
    return c.json(saved, 200, NO_STORE);
  });

  app.openapi(removeRoute, async (c) => {
    const { provider } = c.req.valid('param');
    await c.get('services').identityProviders.remove(provider, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
