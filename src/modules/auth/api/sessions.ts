import { createRoute, z } from '@hono/zod-openapi';
import { coreError } from '../../../core/http/app-error.ts';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { LOGIN_PER_ADDRESS, REFRESH_PER_ADDRESS } from '../limits.ts';
import {
  revokeOthersQuerySchema,
  sessionIdSchema,
  sessionPageQuerySchema,
  sessionPageSchema,
  stepUpSchema,
} from '../models/sessions.ts';
import { loginSchema, mfaChallengeSchema, refreshSchema, tokensSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { clearCookies, NO_STORE, refreshCookieOf, replyWithTokens } from './tokens.ts';

const loginRoute = createRoute({
  method: 'post',
  path: '/v1/auth/login',
  tags: ['auth'],
  summary: 'Sign in',
  ...open,
  middleware: throttle(LOGIN_PER_ADDRESS),
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
  middleware: throttle(REFRESH_PER_ADDRESS),
  request: { body: jsonBody(refreshSchema) },
  responses: { 200: json(tokensSchema, 'A new pair'), ...problems(400, 401, 403, 413, 429, 503) },
});

const logoutRoute = createRoute({
  method: 'post',
  path: '/v1/auth/logout',
  tags: ['auth'],
  summary: 'End the session of this access token',
  ...permit('account:read'),
  responses: { 204: { description: 'Ended' }, ...problems(401, 403, 503) },
});

const stepUpRoute = createRoute({
  method: 'post',
  path: '/v1/auth/step-up',
  tags: ['auth'],
  summary: 'Prove again who you are, for sensitive calls; a new session takes the place of this one',
  ...permit('account:read'),
  request: { body: jsonBody(stepUpSchema) },
  responses: { 200: json(tokensSchema, 'The new session'), ...problems(400, 401, 403, 413, 429, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/auth/sessions',
  tags: ['auth'],
  summary: 'Where the account is signed in, the newest first',
  ...permit('account:read'),
  request: { query: sessionPageQuerySchema },
  responses: { 200: json(sessionPageSchema, 'A page of sessions'), ...problems(400, 401, 403, 503) },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/sessions/{id}',
  tags: ['auth'],
  summary: 'End one of the own sessions',
  ...permit('account:write'),
  request: { params: z.object({ id: sessionIdSchema }) },
  responses: { 204: { description: 'Ended' }, ...problems(400, 401, 403, 404, 503) },
});

const revokeOthersRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/sessions',
  tags: ['auth'],
  summary: 'End all sessions but this one, and all grants to OAuth clients',
  ...permit('account:write'),
  request: { query: revokeOthersQuerySchema },
  responses: { 204: { description: 'Ended' }, ...problems(400, 401, 403, 503) },
});

export function mountSessions(app: AuthApp): void {
  app.openapi(loginRoute, async (c) => {
    const outcome = await c.get('services').accounts.login(c.req.valid('json'), c.get('caller'));
    return outcome.done ? replyWithTokens(c, outcome.tokens, 200) : c.json(outcome.challenge, 202, NO_STORE);
  });

  app.openapi(refreshRoute, async (c) => {
    const refreshToken = c.req.valid('json').refreshToken ?? refreshCookieOf(c);
    if (refreshToken === undefined) throw coreError('unauthorized', { detail: 'Send a refresh token.' });
    const tokens = await c.get('services').sessions.refresh(refreshToken, c.get('caller'));
    return replyWithTokens(c, tokens, 200);
  });

  app.openapi(logoutRoute, async (c) => {
    await c.get('services').sessions.logout(c.get('principal'), c.get('caller'));
    clearCookies(c);
    return c.body(null, 204);
  });

  app.openapi(stepUpRoute, async (c) => {
    const tokens = await c.get('services').stepUp(c.req.valid('json'), c.get('principal'), c.get('caller'));
    return replyWithTokens(c, tokens, 200);
  });

  app.openapi(listRoute, async (c) => {
    const page = await c.get('services').sessions.list(c.get('principal'), c.req.valid('query'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(revokeRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.get('services').sessions.revoke(id, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(revokeOthersRoute, async (c) => {
    await c.get('services').sessions.revokeOthers(c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
