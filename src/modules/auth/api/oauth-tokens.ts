import { createRoute, z } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { OAUTH_CALLS_PER_ADDRESS } from '../limits.ts';
import { OauthError } from '../models/oauth-errors.ts';
import type { AuthApp } from './app.ts';
import { clientCredentials, formBody, oauthAnswer, oauthForm, oauthRefusals } from './oauth-forms.ts';

const answerSchema = z.record(z.string(), z.unknown());

const tokenRoute = createRoute({
  method: 'post',
  path: '/oauth/token',
  tags: ['oauth'],
  summary: 'Exchange a code, a device code or a refresh token (RFC 6749 3.2); refusals are OAuth errors',
  ...open,
  middleware: throttle(OAUTH_CALLS_PER_ADDRESS),
  request: { body: formBody },
  responses: { 200: json(answerSchema, 'Tokens'), ...oauthRefusals, ...problems(413, 429, 503) },
});

const revokeRoute = createRoute({
  method: 'post',
  path: '/oauth/revoke',
  tags: ['oauth'],
  summary: 'End the grant of a token (RFC 7009); refusals are OAuth errors',
  ...open,
  middleware: throttle(OAUTH_CALLS_PER_ADDRESS),
  request: { body: formBody },
  responses: { 200: json(answerSchema, 'It works no more'), ...oauthRefusals, ...problems(413, 429, 503) },
});

const deviceRoute = createRoute({
  method: 'post',
  path: '/oauth/device_authorization',
  tags: ['oauth'],
  summary: 'Begin to connect a device (RFC 8628); refusals are OAuth errors',
  ...open,
  middleware: throttle(OAUTH_CALLS_PER_ADDRESS),
  request: { body: formBody },
  responses: { 200: json(answerSchema, 'The codes'), ...oauthRefusals, ...problems(413, 429, 503) },
});

export function mountOauthTokens(app: AuthApp): void {
  app.openapi(tokenRoute, (c) =>
    oauthAnswer(c, 200, async () => {
      const form = await oauthForm(c.req.raw);
      const credentials = clientCredentials(c.req.raw, form);
      return c.get('services').oauth.tokens.issue(form, credentials, c.get('caller'));
    }),
  );

  app.openapi(revokeRoute, (c) =>
    oauthAnswer(c, 200, async () => {
      const form = await oauthForm(c.req.raw);
      const credentials = clientCredentials(c.req.raw, form);
      const token = form.get('token');
      if (token === undefined) throw new OauthError('invalid_request', 'token is missing.');
      await c.get('services').oauth.grants.revokeToken(token, credentials, c.get('caller'));
      return {};
    }),
  );

  app.openapi(deviceRoute, (c) =>
    oauthAnswer(c, 200, async () => {
      const form = await oauthForm(c.req.raw);
      return c.get('services').oauth.devices.start(form, clientCredentials(c.req.raw, form));
    }),
  );
}
