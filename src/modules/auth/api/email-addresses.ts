import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { CODES_PER_ADDRESS } from '../limits.ts';
import { emailChangeSchema, emailTokenSchema } from '../models/accounts.ts';
import { verificationSentSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const SENT = { status: 'verification_sent' } as const;

/** Links of e-mails lead to pages; the pages post the token that stands behind the `#`. */
const byToken = {
  tags: ['auth'],
  ...open,
  middleware: throttle(CODES_PER_ADDRESS),
  request: { body: jsonBody(emailTokenSchema) },
};

const verifyRoute = createRoute({
  method: 'post',
  path: '/v1/auth/verify-email',
  summary: 'Prove an address by the link that was sent to it',
  ...byToken,
  responses: { 204: { description: 'Verified' }, ...problems(400, 413, 429, 503) },
});

const sendRoute = createRoute({
  method: 'post',
  path: '/v1/auth/verify-email/send',
  tags: ['auth'],
  summary: 'Send the link to verify the own address again',
  ...permit('account:write'),
  responses: {
    202: json(verificationSentSchema, 'Sent, unless the address is verified'),
    ...problems(401, 403, 429, 503),
  },
});

const changeRoute = createRoute({
  method: 'post',
  path: '/v1/auth/email',
  tags: ['auth'],
  summary: 'Ask for another address; it counts once the link that is sent there was followed',
  ...permit('account:write', { recent: true }),
  request: { body: jsonBody(emailChangeSchema) },
  responses: {
    202: json(verificationSentSchema, 'The same whether or not the address has an account'),
    ...problems(400, 401, 403, 413, 429, 503),
  },
});

const confirmRoute = createRoute({
  method: 'post',
  path: '/v1/auth/email/confirm',
  summary: 'Follow the link that was sent to the new address',
  ...byToken,
  responses: { 204: { description: 'Changed' }, ...problems(400, 409, 413, 429, 503) },
});

const undoRoute = createRoute({
  method: 'post',
  path: '/v1/auth/email/undo',
  summary: 'Follow the link that was sent to the old address: it counts again',
  ...byToken,
  responses: {
    204: { description: 'Taken back; all sessions have ended' },
    ...problems(400, 409, 413, 429, 503),
  },
});

export function mountEmailAddresses(app: AuthApp): void {
  app.openapi(verifyRoute, async (c) => {
    await c.get('services').emailAddresses.verify(c.req.valid('json').token, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(sendRoute, async (c) => {
    await c.get('services').emailAddresses.sendVerification(c.get('principal'), c.get('caller'));
    return c.json(SENT, 202, NO_STORE);
  });

  app.openapi(changeRoute, async (c) => {
    const { newEmail } = c.req.valid('json');
    await c.get('services').emailAddresses.requestChange(c.get('principal'), newEmail, c.get('caller'));
    return c.json(SENT, 202, NO_STORE);
  });

  app.openapi(confirmRoute, async (c) => {
    await c.get('services').emailAddresses.confirmChange(c.req.valid('json').token, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(undoRoute, async (c) => {
    await c.get('services').emailAddresses.undoChange(c.req.valid('json').token, c.get('caller'));
    return c.body(null, 204);
  });
}
