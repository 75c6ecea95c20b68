import { createRoute, z } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { json } from '../../../core/http/openapi.ts';
import type { AuthApp } from './app.ts';

const keysRoute = createRoute({
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['auth'],
  summary: 'Public keys that verify access tokens (RFC 7517)',
  ...open,
  responses: { 200: json(z.object({ keys: z.array(z.record(z.string(), z.string())) }), 'The key set') },
});

export function mountSigningKeys(app: AuthApp): void {
  app.openapi(keysRoute, async (c) => {
    const { keys } = await c.get('services').accessTokens.publicKeys();
    return c.json({ keys: keys.map((key) => ({ ...key })) }, 200, { 'cache-control': 'public, max-age=60' });
  });
}
