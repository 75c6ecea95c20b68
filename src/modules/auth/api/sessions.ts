import { createRoute } from '@hono/zod-openapi';
import { coreError } from '../../../core/http/app-error.ts';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { loginSchema, mfaChallengeSchema, refreshSchema, tokensSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, tokenBody } from './tokens.ts';

const loginRoute = createRoute({
  method: 'post',
  path: '/v1/auth/login',
  tags: ['auth'],
  summary: 'Sign in',
  ...open,
  request: { body: jsonBody(loginSchema) },
  responses: {
    200: json(tokensSchema, 'A new session'),
    202: json(mfaChallengeSchema, 'The password is right; a second factor is wanted'),
    ...problems(400, 401, 403, 413, 429, 503),
  },
});

const refreshRoute = createRoute({
  method: 'post',
  path: '/v1/auth/refresh',
  tags: ['auth'],
  summary: 'Exchange a refresh token for a new pair; the old one is spent',
  ...open,
  request: { body: jsonBody(refreshSchema) },
  responses: { 200: json(tokensSchema, 'A new pair'), ...problems(400, 401, 413, 503) },
});

const logoutRoute = createRoute({
  method: 'post',
  path: '/v1/auth/logout',
  tags: ['auth'],
  summary: 'End the session of this access token',
  ...permit('account:read'),
  responses: { 204: { description: 'Ended' }, ...problems(401, 403, 503) },
});

export function mountSessions(app: AuthApp): void {
  app.openapi(loginRoute, async (c) => {
    const outcome = await c.get('services').accounts.login(c.req.valid('json'), c.get('caller'));
    return outcome.done
      ? c.json(tokenBody(outcome.tokens), 200, NO_STORE)
      : c.json(outcome.challenge, 202, NO_STORE);
  });

  app.openapi(refreshRoute, async (c) => {
    const { refreshToken } = c.req.valid('json');
    if (refreshToken === undefined) throw coreError('unauthorized', { detail: 'Send a refresh token.' });
    const tokens = await c.get('services').sessions.refresh(refreshToken, c.get('caller'));
    return c.json(tokenBody(tokens), 200, NO_STORE);
  });

  app.openapi(logoutRoute, async (c) => {
    await c.get('services').sessions.logout(c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
