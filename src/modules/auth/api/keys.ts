import { createRoute, z } from '@hono/zod-openapi';
import { json } from '../../../core/http/openapi.ts';
import type { AuthApp } from './app.ts';

const keysRoute = createRoute({
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['auth'],
  summary: 'Public keys that verify access tokens (RFC 7517)',
  responses: { 200: json(z.object({ keys: z.array(z.record(z.string(), z.string())) }), 'The key set') },
});

export function mountKeys(app: AuthApp): void {
  app.openapi(keysRoute, (c) => {
    const keys = c
      .get('service')
      .publicKeys()
      .keys.map((key) => ({ ...key }));
    return c.json({ keys }, 200, { 'cache-control': 'public, max-age=300' });
  });
}
