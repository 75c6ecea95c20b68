import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { registerSchema, tokensSchema } from '../models/sign-in.ts';
import { userSchema } from '../models/users.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, tokenBody } from './tokens.ts';

const registerRoute = createRoute({
  method: 'post',
  path: '/v1/auth/register',
  tags: ['auth'],
  summary: 'Open an account and sign in',
  ...open,
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
  ...permit('account:read'),
  responses: { 200: json(userSchema, 'The user'), ...problems(401, 403, 503) },
});

export function mountAccounts(app: AuthApp): void {
  app.openapi(registerRoute, async (c) => {
    const tokens = await c.get('services').accounts.register(c.req.valid('json'), c.get('caller'));
    return c.json(tokenBody(tokens), 201, NO_STORE);
  });

  app.openapi(meRoute, async (c) =>
    c.json(await c.get('services').accounts.me(c.get('principal')), 200, NO_STORE),
  );
}
