import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { CODES_PER_ADDRESS, EMAILS_PER_ADDRESS } from '../limits.ts';
import {
  passwordChangeSchema,
  passwordForgottenSchema,
  passwordResetSchema,
  resetRequestedSchema,
} from '../models/accounts.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const changeRoute = createRoute({
  method: 'post',
  path: '/v1/auth/password',
  tags: ['auth'],
  summary: 'Change the password; all other sessions end',
  ...permit('account:write'),
  request: { body: jsonBody(passwordChangeSchema) },
  responses: { 204: { description: 'Changed' }, ...problems(400, 401, 403, 413, 422, 429, 503) },
});

const forgotRoute = createRoute({
  method: 'post',
  path: '/v1/auth/password/forgot',
  tags: ['auth'],
  summary: 'Have a link sent that sets a new password',
  ...open,
  middleware: throttle(EMAILS_PER_ADDRESS),
  request: { body: jsonBody(passwordForgottenSchema) },
  responses: {
    202: json(resetRequestedSchema, 'The same whether or not the address has an account'),
    ...problems(400, 413, 429, 503),
  },
});

const resetRoute = createRoute({
  method: 'post',
  path: '/v1/auth/password/reset',
  tags: ['auth'],
  summary: 'Set a new password by the link; all sessions end, and none begins',
  ...open,
  middleware: throttle(CODES_PER_ADDRESS),
  request: { body: jsonBody(passwordResetSchema) },
  responses: { 204: { description: 'Set; log in with it' }, ...problems(400, 413, 422, 429, 503) },
});

export function mountPasswords(app: AuthApp): void {
  app.openapi(changeRoute, async (c) => {
    await c.get('services').passwords.change(c.get('principal'), c.req.valid('json'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(forgotRoute, async (c) => {
    await c.get('services').passwords.requestReset(c.req.valid('json').email, c.get('caller'));
    return c.json({ status: 'reset_sent' as const }, 202, NO_STORE);
  });

  app.openapi(resetRoute, async (c) => {
    await c.get('services').passwords.reset(c.req.valid('json'), c.get('caller'));
    return c.body(null, 204);
  });
}
