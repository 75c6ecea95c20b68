import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { REGISTER_PER_ADDRESS } from '../limits.ts';
import { accountDeletionSchema, accountExportSchema, profileChangeSchema } from '../models/accounts.ts';
import { registerSchema, tokensSchema, verificationSentSchema } from '../models/sign-in.ts';
import { userSchema } from '../models/users.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE, replyWithTokens } from './tokens.ts';

const registerRoute = createRoute({
  method: 'post',
  path: '/v1/auth/register',
  tags: ['auth'],
  summary: 'Open an account and sign in',
  ...open,
  middleware: throttle(REGISTER_PER_ADDRESS),
  request: { body: jsonBody(registerSchema) },
  responses: {
    201: json(tokensSchema, 'The account and its first session'),
    202: json(verificationSentSchema, 'Where addresses are confirmed first: the same for every address'),
    ...problems(400, 403, 409, 413, 422, 429, 503),
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

const profileRoute = createRoute({
  method: 'patch',
  path: '/v1/auth/me',
  tags: ['auth'],
  summary: 'Change the profile; address and password have calls of their own',
  ...permit('account:write'),
  request: { body: jsonBody(profileChangeSchema) },
  responses: { 200: json(userSchema, 'The user'), ...problems(400, 401, 403, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/auth/me',
  tags: ['auth'],
  summary: 'Delete the account and everything that is known about the person',
  ...permit('account:write', { recent: true }),
  request: { body: { content: { 'application/json': { schema: accountDeletionSchema } } } },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 409, 413, 429, 503) },
});

const exportRoute = createRoute({
  method: 'get',
  path: '/v1/auth/me/export',
  tags: ['auth'],
  summary: 'Everything that the module holds about the person, as a file',
  ...permit('account:read', { recent: true }),
  responses: { 200: json(accountExportSchema, 'The file'), ...problems(401, 403, 503) },
});

const AS_FILE = { ...NO_STORE, 'content-disposition': 'attachment; filename="account.json"' } as const;

export function mountAccounts(app: AuthApp): void {
  app.openapi(registerRoute, async (c) => {
    const outcome = await c.get('services').accounts.register(c.req.valid('json'), c.get('caller'));
    return outcome.signedIn
      ? replyWithTokens(c, outcome.tokens, 201)
      : c.json({ status: 'verification_sent' as const }, 202, NO_STORE);
  });

  app.openapi(meRoute, async (c) =>
    c.json(await c.get('services').accounts.me(c.get('principal')), 200, NO_STORE),
  );

  app.openapi(profileRoute, async (c) => {
    const { accounts } = c.get('services');
    const user = await accounts.updateProfile(c.get('principal'), c.req.valid('json'), c.get('caller'));
    return c.json(user, 200, NO_STORE);
  });

  app.openapi(deleteRoute, async (c) => {
    const { accountData } = c.get('services');
    await accountData.deleteAccount(c.get('principal'), c.req.valid('json') ?? {}, c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(exportRoute, async (c) => {
    const data = await c.get('services').accountData.export(c.get('principal'), c.get('caller'));
    return c.json(data, 200, AS_FILE);
  });
}
