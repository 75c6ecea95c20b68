import { createRoute, z } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { LOGIN_PER_ADDRESS, PASSKEY_OPTIONS_PER_ADDRESS } from '../limits.ts';
import {
  addPasskeySchema,
  passkeyIdSchema,
  passkeyOptionsSchema,
  passkeyPageSchema,
  passkeySchema,
  passkeySignInSchema,
  renamePasskeySchema,
} from '../models/passkeys.ts';
import { mfaChallengeSchema, tokensSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, replyWithTokens } from './tokens.ts';

const params = z.object({ id: passkeyIdSchema });

const optionsRoute = createRoute({
  method: 'post',
  path: '/v1/auth/passkeys/options',
  tags: ['auth'],
  summary: 'Begin to add a passkey',
  ...permit('account:write', { recent: true }),
  responses: {
    200: json(passkeyOptionsSchema, 'For navigator.credentials.create'),
    ...problems(401, 403, 404, 503),
  },
});

const addRoute = createRoute({
  method: 'post',
  path: '/v1/auth/passkeys',
  tags: ['auth'],
  summary: 'Add the passkey that the browser made',
  ...permit('account:write'),
  request: { body: jsonBody(addPasskeySchema) },
  responses: { 201: json(passkeySchema, 'Added'), ...problems(400, 401, 403, 409, 413, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/auth/passkeys',
  tags: ['auth'],
  summary: 'The passkeys of the account, the oldest first',
  ...permit('account:read'),
  responses: { 200: json(passkeyPageSchema, 'All of them'), ...problems(401, 403, 503) },
});

const renameRoute = createRoute({
  method: 'patch',
  path: '/v1/auth/passkeys/{id}',
  tags: ['auth'],
  summary: 'Give a passkey another name',
  ...permit('account:write'),
  request: { params, body: jsonBody(renamePasskeySchema) },
  responses: { 200: json(passkeySchema, 'Renamed'), ...problems(400, 401, 403, 404, 413, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/passkeys/{id}',
  tags: ['auth'],
  summary: 'Remove a passkey',
  ...permit('account:write', { recent: true }),
  request: { params },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const signInOptionsRoute = createRoute({
  method: 'post',
  path: '/v1/auth/passkeys/sign-in/options',
  tags: ['auth'],
  summary: 'Begin to sign in with a passkey',
  ...open,
  middleware: throttle(PASSKEY_OPTIONS_PER_ADDRESS),
  responses: {
    200: json(passkeyOptionsSchema, 'For navigator.credentials.get; the same for everybody'),
    ...problems(429, 503),
  },
});

const signInRoute = createRoute({
  method: 'post',
  path: '/v1/auth/passkeys/sign-in',
  tags: ['auth'],
  summary: 'Sign in with a passkey, which counts as two factors',
  ...open,
  middleware: throttle(LOGIN_PER_ADDRESS),
  request: { body: jsonBody(passkeySignInSchema) },
  responses: {
    200: json(tokensSchema, 'A new session'),
    202: json(mfaChallengeSchema, 'A second factor is wanted'),
    ...problems(400, 401, 403, 413, 429, 503),
  },
});

export function mountPasskeys(app: AuthApp): void {
  app.openapi(optionsRoute, async (c) =>
    c.json(await c.get('services').passkeys.registrationOptions(c.get('principal')), 200, NO_STORE),
  );

  app.openapi(addRoute, async (c) => {
    const input = c.req.valid('json');
    const passkey = await c.get('services').passkeys.add(c.get('principal'), input, c.get('caller'));
    return c.json(passkey, 201, NO_STORE);
  });

  app.openapi(listRoute, async (c) => {
    const items = await c.get('services').passkeys.list(c.get('principal'));
    return c.json({ items, nextCursor: null }, 200, NO_STORE);
  });

  app.openapi(renameRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { name } = c.req.valid('json');
    const passkeys = c.get('services').passkeys;
    return c.json(await passkeys.rename(c.get('principal'), id, name, c.get('caller')), 200, NO_STORE);
  });

  app.openapi(removeRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.get('services').passkeys.remove(c.get('principal'), id, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(signInOptionsRoute, async (c) =>
    c.json(await c.get('services').passkeys.signInOptions(), 200, NO_STORE),
  );

  app.openapi(signInRoute, async (c) => {
    const outcome = await c.get('services').passkeys.signIn(c.req.valid('json'), c.get('caller'));
    return outcome.done ? replyWithTokens(c, outcome.tokens, 200) : c.json(outcome.challenge, 202, NO_STORE);
  });
}
