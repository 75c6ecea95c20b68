import { createRoute, z } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { json } from '../../../core/http/openapi.ts';
import type { AuthApp } from './app.ts';

const documentSchema = z.record(z.string(), z.unknown());
/** A client keeps it for as long as this says; endpoints do not move. */
const CACHED = { 'cache-control': 'public, max-age=300' };

const serverRoute = createRoute({
  method: 'get',
  path: '/.well-known/oauth-authorization-server',
  tags: ['oauth'],
  summary: 'The OAuth authorisation server (RFC 8414)',
  ...open,
  responses: { 200: json(documentSchema, 'Its metadata') },
});

const resourceRoute = createRoute({
  method: 'get',
  path: '/.well-known/oauth-protected-resource',
  tags: ['oauth'],
  summary: 'The API as a protected resource (RFC 9728)',
  ...open,
  responses: { 200: json(documentSchema, 'Its metadata') },
});

export function mountOauthMetadata(app: AuthApp): void {
  app.openapi(serverRoute, (c) => c.json({ ...c.get('services').oauth.metadata.server }, 200, CACHED));
  app.openapi(resourceRoute, (c) => c.json({ ...c.get('services').oauth.metadata.resource }, 200, CACHED));
}
