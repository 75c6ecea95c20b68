import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { signServiceToken } from '../../src/core/security/service-token.ts';
import { type Account, newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, refusal, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import type { Answer } from './harness/guarantees.ts';
import { tokenSentTo } from './harness/mail.ts';
import { CALLBACK, DEVICE_GRANT, newDeviceCode, postForm, registerClient } from './harness/oauth.ts';
import { newOneTimeToken, PURPOSES, type Purpose, spentPurposes } from './harness/one-time-tokens.ts';
import { newPrincipal } from './harness/principals.ts';
import { newApiKeySchema, tokensSchema, workspaceSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);

const KINDS = ['access', 'refresh', 'api-key', 'service', 'device-code', 'invitation', ...PURPOSES] as const;
type Kind = (typeof KINDS)[number];

let account: Account;
let clientId: string;
const tokens = new Map<Kind, string>();

const post = (path: string, json: object, token: string | null = null) =>
  api.call('POST', path, { json, token });
const grant = (form: Record<string, string>) =>
  postForm(api, '/oauth/token', { client_id: clientId, ...form });
const withCookie = (cookie: string, method: string, path: string, json?: object) =>
  api.call(method, path, {
    headers: { cookie, origin: installation.url },
    ...(json === undefined ? {} : { json }),
  });

/** What takes a token of some kind, and which kinds it is meant for. */
const ENDPOINTS: readonly {
  readonly name: string;
  readonly takes: readonly Kind[];
  readonly call: (token: string) => Promise<Answer>;
  /** Pages say so otherwise than by a status. */
  readonly isRefusal?: (answer: Answer) => boolean;
}[] = [
  ...['/v1/auth/me', '/v1/files', '/v1/search?q=anything'].map((door) => ({
    name: `GET ${door}`,
    takes: ['access', 'api-key'] as const,
    call: (token: string) => api.as(token).call('GET', door),
  })),
  {
    name: 'the access cookie',
    takes: ['access', 'api-key'],
    call: (token) => withCookie(`__Host-acs-access=${token}`, 'GET', '/v1/auth/me'),
  },
  {
    name: 'the refresh cookie',
    takes: ['refresh'],
    call: (token) => withCookie(`__Host-acs-refresh=${token}`, 'POST', '/v1/auth/refresh', {}),
  },
  {
    name: 'the cookie of the sign-in pages',
    takes: ['browser-sign-in'],
    call: (token) => withCookie(`__Host-acs-browser=${token}`, 'GET', '/oauth/device'),
    isRefusal: (answer) => textOf(answer).includes('current-password'),
  },
  {
    name: 'POST /v1/auth/refresh',
    takes: ['refresh'],
    call: (refreshToken) => post('/v1/auth/refresh', { refreshToken }),
  },
  {
    name: 'POST /v1/auth/password/reset',
    takes: ['password-reset'],
    call: (token) => post('/v1/auth/password/reset', { token, newPassword: `reset ${randomUUID()}` }),
  },
  {
    name: 'POST /v1/auth/verify-email',
    takes: ['email-verification'],
    call: (token) => post('/v1/auth/verify-email', { token }),
  },
  {
    name: 'POST /v1/auth/email/confirm',
    takes: ['email-change'],
    call: (token) => post('/v1/auth/email/confirm', { token }),
  },
  {
    name: 'POST /v1/auth/email/undo',
    takes: ['email-change-undo'],
    call: (token) => post('/v1/auth/email/undo', { token }),
  },
  {
    name: 'POST /v1/auth/mfa/verify',
    takes: ['mfa-sign-in'],
    call: (mfaToken) => post('/v1/auth/mfa/verify', { mfaToken, code: '000000' }),
  },
  {
    name: 'POST /v1/auth/mfa/passkey-options',
    takes: ['mfa-sign-in'],
    call: (mfaToken) => post('/v1/auth/mfa/passkey-options', { mfaToken }),
  },
  {
    name: 'POST /v1/auth/oidc/exchange',
    takes: ['oidc-handoff'],
    call: (code) => post('/v1/auth/oidc/exchange', { code, verifier: 'v'.repeat(43) }),
  },
  {
    name: 'POST /v1/auth/oidc/link/confirm',
    takes: ['oidc-link'],
    call: (token) => post('/v1/auth/oidc/link/confirm', { token }),
  },
  {
    name: 'POST /oauth/token for a code',
    takes: ['oauth-code'],
    call: (code) =>
      grant({
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(43),
      }),
  },
  {
    name: 'POST /oauth/token for a device code',
    takes: ['device-code'],
    call: (code) => grant({ grant_type: DEVICE_GRANT, device_code: code }),
  },
  {
    // Takes refresh tokens of grants, which those of a person's own session are not.
    name: 'POST /oauth/token for a refresh token',
    takes: [],
    call: (token) => grant({ grant_type: 'refresh_token', refresh_token: token }),
  },
  {
    name: 'POST /v1/invitations/accept',
    takes: ['invitation'],
    call: (token) => post('/v1/invitations/accept', { token }, account.tokens.accessToken),
  },
];

// S15
describe('a token of one kind is nothing to an endpoint for another', () => {
  beforeAll(async () => {
    account = await newAccount(api);
    const { id } = account.tokens.user;
    await query(installation, 'update auth.users set email_verified_at = now() where id = $1::uuid', [
      id.slice(4),
    ]);
    tokens.set('access', account.tokens.accessToken).set('refresh', account.tokens.refreshToken);
    const json = { name: 'everything', scopes: ['files:read', 'search:read', 'account:read'] };
    tokens.set(
      'api-key',
      bodyOf(await account.api.call('POST', '/v1/auth/api-keys', { json }), 201, newApiKeySchema).key,
    );
    const { serviceTokenSecret } = installation;
    tokens.set('service', await signServiceToken(serviceTokenSecret, 'ai', 'storage', new Date()));
    clientId = (await registerClient(api)).client_id;
    tokens.set('device-code', await newDeviceCode(api, clientId));

    const owner = api.as((await newPrincipal(installation)).token);
    const made = await owner.call('POST', '/v1/workspaces', { json: { name: 'Other people' } });
    const workspace = bodyOf(made, 201, workspaceSchema);
    const invitation = { email: account.email, role: 'member' };
    await owner.call('POST', `/v1/workspaces/${workspace.id}/invitations`, { json: invitation });
    tokens.set('invitation', await tokenSentTo(installation, account.email, 'accept-invitation'));

    const data: Partial<Record<Purpose, object>> = {
      'mfa-sign-in': { methods: ['pwd'], passwordChangedAt: null },
      'browser-sign-in': { methods: ['pwd'], authenticatedAt: new Date().toISOString() },
      'password-reset': { email: account.email },
      'email-change': { email: `${randomUUID()}@example.com` },
    };
    for (const purpose of PURPOSES)
      tokens.set(purpose, await newOneTimeToken(installation, purpose, id, data[purpose]));
    expect([...tokens.keys()].toSorted()).toEqual([...KINDS].toSorted());
  });

  it.each(ENDPOINTS)('$name', async ({ takes, call, isRefusal }) => {
    const opened: string[] = [];
    for (const [kind, token] of tokens) {
      if (takes.includes(kind)) continue;
      const answer = await call(token);
      const refused = isRefusal ? isRefusal(answer) : answer.status >= 400 && answer.status < 500;
      if (!refused) opened.push(`${kind}: ${answer.status}`);
    }
    expect(opened).toEqual([]);
  });

  it('and none is spent by being shown to the wrong one', async () => {
    expect(await spentPurposes(installation, account.tokens.user.id)).toEqual([]);
    for (const door of ['/v1/auth/me', '/v1/files', '/v1/search?q=anything'])
      for (const kind of ['access', 'api-key'] as const)
        expect((await api.as(tokens.get(kind) ?? '').call('GET', door)).status, `${kind} ${door}`).toBe(200);
    const { refreshToken } = account.tokens;
    bodyOf(await post('/v1/auth/refresh', { refreshToken }), 200, tokensSchema);
    for (const [path, kind] of [
      ['/v1/invitations/accept', 'invitation'],
      ['/v1/auth/password/reset', 'password-reset'],
    ] as const) {
      const more = kind === 'password-reset' ? { newPassword: `reset ${randomUUID()}` } : {};
      const json = { token: tokens.get(kind), ...more };
      const answer = await post(path, json, account.tokens.accessToken);
      expect(answer.status, `${kind}: ${refusal(answer)}`).toBeLessThan(300);
    }
  });
});
