import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { CODES_PER_ADDRESS } from '../limits.ts';
import {
  confirmTotpSchema,
  mfaStatusSchema,
  passkeyChallengeSchema,
  recoveryCodesSchema,
  totpEnrolmentSchema,
  verifyMfaSchema,
} from '../models/mfa.ts';
import { webAuthnOptionsSchema } from '../models/passkeys.ts';
import { tokensSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, replyWithTokens } from './tokens.ts';

const statusRoute = createRoute({
  method: 'get',
  path: '/v1/auth/mfa',
  tags: ['auth'],
  summary: 'Which second factors the account has',
  ...permit('account:read'),
  responses: { 200: json(mfaStatusSchema, 'The factors'), ...problems(401, 403, 503) },
});

const beginTotpRoute = createRoute({
  method: 'post',
  path: '/v1/auth/mfa/totp',
  tags: ['auth'],
  summary: 'Begin to set up an authenticator app',
  ...permit('account:write', { recent: true }),
  responses: {
    200: json(totpEnrolmentSchema, 'For the app; without effect until it is confirmed, within 10 minutes'),
    ...problems(401, 403, 409, 503),
  },
});

const confirmTotpRoute = createRoute({
  method: 'post',
  path: '/v1/auth/mfa/totp/confirm',
  tags: ['auth'],
  summary: 'Confirm the authenticator app with a first code',
  ...permit('account:write'),
  request: { body: jsonBody(confirmTotpSchema) },
  responses: {
    200: json(recoveryCodesSchema, 'Set up; sign-ins ask for a code from now on'),
    ...problems(400, 401, 403, 404, 409, 413, 503),
  },
});

const removeTotpRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/mfa/totp',
  tags: ['auth'],
  summary: 'Remove the authenticator app',
  ...permit('account:write', { recent: true }),
  responses: { 204: { description: 'Removed' }, ...problems(401, 403, 404, 409, 503) },
});

const recoveryCodesRoute = createRoute({
  method: 'post',
  path: '/v1/auth/mfa/recovery-codes',
  tags: ['auth'],
  summary: 'Make new recovery codes; the old ones are void',
  ...permit('account:write', { recent: true }),
  responses: { 200: json(recoveryCodesSchema, 'The codes, shown once'), ...problems(401, 403, 404, 503) },
});

const passkeyOptionsRoute = createRoute({
  method: 'post',
  path: '/v1/auth/mfa/passkey-options',
  tags: ['auth'],
  summary: 'What to ask a passkey for, as second factor of a sign-in',
  ...open,
  middleware: throttle(CODES_PER_ADDRESS),
  request: { body: jsonBody(passkeyChallengeSchema) },
  responses: {
    200: json(webAuthnOptionsSchema, 'For navigator.credentials.get'),
    ...problems(400, 401, 403, 413, 429, 503),
  },
});

const verifyRoute = createRoute({
  method: 'post',
  path: '/v1/auth/mfa/verify',
  tags: ['auth'],
  summary: 'Finish a sign-in with a second factor',
  ...open,
  middleware: throttle(CODES_PER_ADDRESS),
  request: { body: jsonBody(verifyMfaSchema) },
  responses: { 200: json(tokensSchema, 'A new session'), ...problems(400, 401, 403, 413, 429, 503) },
});

export function mountMfa(app: AuthApp): void {
  app.openapi(statusRoute, async (c) =>
    c.json(await c.get('services').mfa.status(c.get('principal')), 200, NO_STORE),
  );

  app.openapi(beginTotpRoute, async (c) =>
    c.json(await c.get('services').mfa.beginTotp(c.get('principal')), 200, NO_STORE),
  );

  app.openapi(confirmTotpRoute, async (c) => {
    const { code } = c.req.valid('json');
    const codes = await c.get('services').mfa.confirmTotp(c.get('principal'), code, c.get('caller'));
    return c.json(codes, 200, NO_STORE);
  });

  app.openapi(removeTotpRoute, async (c) => {
    await c.get('services').mfa.removeTotp(c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(recoveryCodesRoute, async (c) => {
    const codes = await c.get('services').mfa.renewRecoveryCodes(c.get('principal'), c.get('caller'));
    return c.json(codes, 200, NO_STORE);
  });

  app.openapi(passkeyOptionsRoute, async (c) => {
    const { mfaToken } = c.req.valid('json');
    return c.json(await c.get('services').mfaSignIn.passkeyOptions(mfaToken), 200, NO_STORE);
  });

  app.openapi(verifyRoute, async (c) => {
    const tokens = await c.get('services').mfaSignIn.verify(c.req.valid('json'), c.get('caller'));
    return replyWithTokens(c, tokens, 200);
  });
}
