import { createRoute } from '@hono/zod-openapi';
import { bearer, json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { loginSchema, refreshSchema, tokensSchema } from '../models.ts';
import type { AuthApp } from './app.ts';

const loginRoute = createRoute({
  method: 'post',
  path: '/v1/auth/login',
  tags: ['auth'],
  summary: 'Sign in',
  request: { body: jsonBody(loginSchema) },
  responses: { 200: json(tokensSchema, 'A new session'), ...problems(400, 401, 403, 413, 503) },
});

const refreshRoute = createRoute({
  method: 'post',
  path: '/v1/auth/refresh',
  tags: ['auth'],
  summary: 'Exchange a refresh token for a new pair; the old one is spent',
  request: { body: jsonBody(refreshSchema) },
  responses: { 200: json(tokensSchema, 'A new pair'), ...problems(400, 401, 413, 503) },
});

const logoutRoute = createRoute({
  method: 'post',
  path: '/v1/auth/logout',
  tags: ['auth'],
  summary: 'End the session of this access token',
  security: bearer,
  responses: { 204: { description: 'Ended' }, ...problems(401, 503) },
});

export function mountSessions(app: AuthApp): void {
  app.openapi(loginRoute, async (c) => {
    const tokens = await c.get('service').login(c.req.valid('json'), c.req.header('user-agent') ?? null);
    return c.json(tokens, 200, { 'cache-control': 'no-store' });
  });

  app.openapi(refreshRoute, async (c) => {
    const tokens = await c.get('service').refresh(c.req.valid('json').refreshToken, c.get('requestId'));
    return c.json(tokens, 200, { 'cache-control': 'no-store' });
  });

  app.openapi(logoutRoute, async (c) => {
    await c.get('service').logout(c.get('principal'));
    return c.body(null, 204);
  });
}
