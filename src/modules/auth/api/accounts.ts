import { createRoute } from '@hono/zod-openapi';
import { coreError } from '../../../core/http/app-error.ts';
import { bearer, json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { registerSchema, tokensSchema, userSchema } from '../models.ts';
import type { AuthApp } from './app.ts';

const registerRoute = createRoute({
  method: 'post',
  path: '/v1/auth/register',
  tags: ['auth'],
  summary: 'Open an account and sign in',
  request: { body: jsonBody(registerSchema) },
  responses: {
    201: json(tokensSchema, 'The account and its first session'),
    ...problems(400, 409, 413, 503),
  },
});

const meRoute = createRoute({
  method: 'get',
  path: '/v1/auth/me',
  tags: ['auth'],
  summary: 'Who is asking',
  security: bearer,
  responses: { 200: json(userSchema, 'The user'), ...problems(401, 503) },
});

export function mountAccounts(app: AuthApp): void {
  app.openapi(registerRoute, async (c) => {
    const tokens = await c.get('service').register(c.req.valid('json'), c.req.header('user-agent') ?? null);
    return c.json(tokens, 201, { 'cache-control': 'no-store' });
  });

  app.openapi(meRoute, async (c) => {
    const user = await c.get('service').me(c.get('principal'));
    if (user === undefined)
      throw coreError('unauthorized', { detail: 'The session has ended. Log in again.' });
    return c.json(user, 200, { 'cache-control': 'no-store' });
  });
}
