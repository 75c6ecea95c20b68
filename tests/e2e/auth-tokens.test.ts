import { beforeAll, describe, expect, inject, it } from 'vitest';
import { type Account, newAccount } from './harness/accounts.ts';
import { createClient, refusal } from './harness/client.ts';
import { forgedTokens, signedLikeOurs } from './harness/forged-tokens.ts';

const installation = inject('installation');
const api = createClient(installation.url);

/** One route of each module: each verifies for itself. */
const DOORS = ['/v1/auth/me', '/v1/files', '/v1/search?q=anything'];

describe('access tokens', () => {
  let account: Account;
  let forged: Record<string, string>;

  beforeAll(async () => {
    account = await newAccount(api);
    forged = await forgedTokens(account.tokens.accessToken, installation);
  });

  it.each(DOORS)('open %s', async (door) => {
    expect((await account.api.call('GET', door)).status).toBe(200);
    const own = await signedLikeOurs(account.tokens.accessToken, installation);
    expect((await api.as(own).call('GET', door)).status).toBe(200);
  });

  it.each(DOORS)('that are forged do not open %s', async (door) => {
    for (const [fault, token] of Object.entries(forged)) {
      const expected = fault.startsWith('expired') ? '401 token_expired' : '401 unauthorized';
      expect(refusal(await api.as(token).call('GET', door)), fault).toBe(expected);
    }
  });

  it.each(DOORS)('in the query do not open %s', async (door) => {
    const { accessToken } = account.tokens;
    for (const name of ['access_token', 'token', 'authorization']) {
      const path = `${door}${door.includes('?') ? '&' : '?'}${name}=${accessToken}`;
      expect(refusal(await api.call('GET', path)), name).toBe('401 unauthorized');
    }
  });

  it.each(DOORS)('are taken from a Bearer header only at %s', async (door) => {
    const { accessToken } = account.tokens;
    for (const authorization of [accessToken, `Basic ${btoa(`user:${accessToken}`)}`, 'Bearer', 'Bearer  ']) {
      const answer = await api.call('GET', door, { headers: { authorization } });
      expect(refusal(answer), authorization.slice(0, 12)).toBe('401 unauthorized');
    }
    const cookie = `access_token=${accessToken}; token=${accessToken}`;
    expect(refusal(await api.call('GET', door, { headers: { cookie } }))).toBe('401 unauthorized');
  });

  it('that are refresh tokens open nothing', async () => {
    for (const door of DOORS)
      expect(refusal(await api.as(account.tokens.refreshToken).call('GET', door))).toBe('401 unauthorized');
  });
});
