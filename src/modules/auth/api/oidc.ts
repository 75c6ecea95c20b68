import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { CODES_PER_ADDRESS, LOGIN_PER_ADDRESS } from '../limits.ts';
import {
  identityListSchema,
  oidcCallbackSchema,
  oidcExchangeSchema,
  oidcLinkConfirmSchema,
  oidcStartedSchema,
  oidcStartSchema,
  providerListSchema,
  providerParamsSchema,
} from '../models/oidc.ts';
import { mfaChallengeSchema, tokensSchema } from '../models/sign-in.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, replyWithTokens } from './tokens.ts';

const TAGS = ['sign-in with a provider'];

const providersRoute = createRoute({
  method: 'get',
  path: '/v1/auth/providers',
  tags: TAGS,
  summary: 'Providers to sign in with',
  ...open,
  responses: { 200: json(providerListSchema, 'The list'), ...problems(503) },
});

const startRoute = createRoute({
  method: 'post',
  path: '/v1/auth/oidc/{provider}/start',
  tags: TAGS,
  summary: 'Begin to sign in: where to send the browser',
  ...open,
  middleware: throttle(LOGIN_PER_ADDRESS),
  request: { params: providerParamsSchema, body: jsonBody(oidcStartSchema) },
  responses: { 200: json(oidcStartedSchema, 'The address'), ...problems(400, 404, 429, 503) },
});

const linkRoute = createRoute({
  method: 'post',
  path: '/v1/auth/oidc/{provider}/link',
  tags: TAGS,
  summary: 'Begin to link an identity to the own account',
  ...permit('account:write', { recent: true }),
  request: { params: providerParamsSchema, body: jsonBody(oidcStartSchema) },
  responses: { 200: json(oidcStartedSchema, 'The address'), ...problems(400, 401, 403, 404, 503) },
});

const callbackRoute = createRoute({
  method: 'get',
  path: '/v1/auth/oidc/{provider}/callback',
  tags: TAGS,
  summary: 'Where the provider sends the browser back to',
  ...open,
  request: { params: providerParamsSchema, query: oidcCallbackSchema },
  responses: {
    303: { description: 'On to `returnTo#code=…`, or `#error=…`' },
    ...problems(400, 404, 503),
  },
});

const exchangeRoute = createRoute({
  method: 'post',
  path: '/v1/auth/oidc/exchange',
  tags: TAGS,
  summary: 'Exchange the code that came back for a session',
  ...open,
  middleware: throttle(LOGIN_PER_ADDRESS),
  request: { body: jsonBody(oidcExchangeSchema) },
  responses: {
    200: json(tokensSchema, 'A new session'),
    202: json(mfaChallengeSchema, 'A second factor is wanted'),
    ...problems(400, 403, 409, 429, 503),
  },
});

const confirmRoute = createRoute({
  method: 'post',
  path: '/v1/auth/oidc/link/confirm',
  tags: TAGS,
  summary: 'Confirm by e-mail that an identity belongs to the account',
  ...open,
  middleware: throttle(CODES_PER_ADDRESS),
  request: { body: jsonBody(oidcLinkConfirmSchema) },
  responses: { 204: { description: 'Linked; sign in again' }, ...problems(400, 409, 429, 503) },
});

const identitiesRoute = createRoute({
  method: 'get',
  path: '/v1/auth/identities',
  tags: TAGS,
  summary: 'Identities that open the own account',
  ...permit('account:read'),
  responses: { 200: json(identityListSchema, 'The list'), ...problems(401, 403, 503) },
});

const unlinkRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/identities/{provider}',
  tags: TAGS,
  summary: 'Unlink an identity; never the last way into the account',
  ...permit('account:write', { recent: true }),
  request: { params: providerParamsSchema },
  responses: { 204: { description: 'Unlinked' }, ...problems(400, 401, 403, 404, 409, 503) },
});

export function mountOidc(app: AuthApp): void {
  app.openapi(providersRoute, async (c) => c.json({ items: await c.get('services').oidc.providers() }, 200));

  app.openapi(startRoute, async (c) => {
    const started = await c.get('services').oidc.start(c.req.valid('param').provider, c.req.valid('json'));
    return c.json(started, 200, NO_STORE);
  });

  app.openapi(linkRoute, async (c) => {
    const { provider } = c.req.valid('param');
    const started = await c.get('services').oidc.start(provider, c.req.valid('json'), c.get('principal'));
    return c.json(started, 200, NO_STORE);
  });

  app.openapi(callbackRoute, async (c) => {
    const parameters = new URL(c.req.url).searchParams;
    const { provider } = c.req.valid('param');
    const target = await c.get('services').oidc.callback(provider, parameters, c.get('caller'));
    return c.body(null, 303, { ...NO_STORE, location: target, 'referrer-policy': 'no-referrer' });
  });

  app.openapi(exchangeRoute, async (c) => {
    const outcome = await c.get('services').oidc.exchange(c.req.valid('json'), c.get('caller'));
    return outcome.done ? replyWithTokens(c, outcome.tokens, 200) : c.json(outcome.challenge, 202, NO_STORE);
  });

  app.openapi(confirmRoute, async (c) => {
    await c.get('services').oidc.confirmLink(c.req.valid('json').token, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(identitiesRoute, async (c) =>
    c.json({ items: await c.get('services').oidc.identities(c.get('principal')) }, 200, NO_STORE),
  );

  app.openapi(unlinkRoute, async (c) => {
    await c.get('services').oidc.unlink(c.req.valid('param').provider, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });
}
