import { createRoute, z } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { signingKeyIdSchema, signingKeyPageSchema } from '../models/signing-keys.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const keysRoute = createRoute({
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['auth'],
  summary: 'Public keys that verify access tokens (RFC 7517)',
  ...open,
  responses: { 200: json(z.object({ keys: z.array(z.record(z.string(), z.string())) }), 'The key set') },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/signing-keys',
  tags: ['administration'],
  summary: 'Keys of access tokens, the newest first',
  ...permit('signing-keys:write'),
  responses: { 200: json(signingKeyPageSchema, 'The keys'), ...problems(401, 403, 503) },
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/admin/signing-keys/rotate',
  tags: ['administration'],
  summary: 'Publish a new key, which signs after ten minutes; no token stops working',
  ...permit('signing-keys:write', { recent: true }),
  responses: { 200: json(signingKeyPageSchema, 'The keys'), ...problems(401, 403, 503) },
});

const revokeRoute = createRoute({
  method: 'post',
  path: '/v1/admin/signing-keys/{id}/revoke',
  tags: ['administration'],
  summary: 'For a key that got out: refuse all that it signed, at once',
  ...permit('signing-keys:write', { recent: true }),
  request: { params: z.object({ id: signingKeyIdSchema }) },
  responses: { 204: { description: 'Revoked' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountSigningKeys(app: AuthApp): void {
  app.openapi(keysRoute, async (c) => {
    const { keys } = await c.get('services').accessTokens.publicKeys();
    return c.json({ keys: keys.map((key) => ({ ...key })) }, 200, { 'cache-control': 'public, max-age=60' });
  });

  app.openapi(listRoute, async (c) => c.json(await c.get('services').signingKeys.list(), 200, NO_STORE));

  app.openapi(rotateRoute, async (c) => {
    const page = await c.get('services').signingKeys.rotate(c.get('principal'), c.get('caller'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(revokeRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.get('services').signingKeys.revoke(id, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
