import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { type Account, newAccount, signIn } from './harness/accounts.ts';
import { bodyOf, createClient, refusal } from './harness/client.ts';
import { query } from './harness/database.ts';
import { until } from './harness/until.ts';
import { type Tokens, tokensSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
/** Longer than the grace of this installation (global-setup.ts). */
const AFTER_GRACE_MS = 4_200;

const refresh = (refreshToken: string, userAgent = 'one browser') =>
  api.call('POST', '/v1/auth/refresh', { json: { refreshToken }, headers: { 'user-agent': userAgent } });
const refreshed = async (token: string) => bodyOf(await refresh(token), 200, tokensSchema).refreshToken;
const me = async (accessToken: string) => refusal(await api.as(accessToken).call('GET', '/v1/auth/me'));
const ended = (accessToken: string) =>
  until(
    () => me(accessToken),
    (answer) => answer === '401 unauthorized',
    { withinMs: 10_000, everyMs: 50, what: 'the session to end' },
  );
/** The session of an access token, as its row has it. */
const sessionOf = ({ accessToken }: Tokens): string => {
  const { sid } = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
  return String(sid).slice(4);
};

let account: Account;

beforeAll(async () => {
  account = await newAccount(api);
});

// S16, F22
describe('a refresh token that was spent', () => {
  it('ends its whole session when it comes back after the grace, and no other session', async () => {
    const abused = await signIn(api, account);
    const other = await signIn(api, account);
    const second = bodyOf(await refresh(abused.refreshToken), 200, tokensSchema);
    const third = await refreshed(second.refreshToken);
    await sleep(AFTER_GRACE_MS);
    expect(refusal(await refresh(abused.refreshToken))).toBe('401 invalid_refresh_token');
    expect(refusal(await refresh(third))).toBe('401 invalid_refresh_token');
    await ended(second.accessToken);
    expect(await me(other.accessToken)).toBe('200');
    await refreshed(other.refreshToken);
  });

  it('ends the session at once when another client brings it', async () => {
    const tokens = await signIn(api, account);
    const next = await refreshed(tokens.refreshToken);
    expect(refusal(await refresh(tokens.refreshToken, 'a thief'))).toBe('401 invalid_refresh_token');
    expect(refusal(await refresh(next))).toBe('401 invalid_refresh_token');
    await ended(tokens.accessToken);
  });

  it('that is refused leaves a trace with the reason', async () => {
    const tokens = await signIn(api, account);
    await refreshed(tokens.refreshToken);
    await refresh(tokens.refreshToken, 'a thief');
    const rows = await query(
      installation,
      `select e.reason, s.revoked_reason from core.audit_events e
       join auth.sessions s on e.details->>'session' = 'ses_' || replace(s.id::text, '-', '')
       where s.id = $1::uuid and e.action = 'session.revoke'`,
      [sessionOf(tokens)],
    );
    expect(rows).toEqual([{ reason: 'refresh token reused', revoked_reason: 'refresh token reused' }]);
  });
});

// S17, F22
describe('a refresh token that is used many times at once', () => {
  it('by one client gives all of them the same successor, and the session lives', async () => {
    const tokens = await signIn(api, account);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(tokens.refreshToken)));
    const successors = answers.map((answer) => bodyOf(answer, 200, tokensSchema).refreshToken);
    expect(new Set(successors).size).toBe(1);
    const live = await query(
      installation,
      'select 1 from auth.refresh_tokens where session_id = $1::uuid and spent_at is null',
      [sessionOf(tokens)],
    );
    expect(live).toHaveLength(1);
    await refreshed(successors[0] ?? '');
  });

  it('by two clients ends the session, whoever was first', async () => {
    const tokens = await signIn(api, account);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => refresh(tokens.refreshToken, `client ${index % 2}`)),
    );
    const successors = answers
      .filter(({ status }) => status === 200)
      .map((answer) => bodyOf(answer, 200, tokensSchema).refreshToken);
    expect(new Set(successors).size).toBeLessThanOrEqual(1);
    for (const successor of successors)
      expect(refusal(await refresh(successor, 'client 0'))).toBe('401 invalid_refresh_token');
    await ended(tokens.accessToken);
  });

  it('leads a straggler to the newest token, not to one that is spent', async () => {
    const tokens = await signIn(api, account);
    const second = await refreshed(tokens.refreshToken);
    const third = await refreshed(second);
    expect(await refreshed(tokens.refreshToken)).toBe(third);
  });
});

// S18
describe('a session', () => {
  const move = (tokens: Tokens, column: string) =>
    query(installation, `update auth.sessions set ${column} where id = $1::uuid`, [sessionOf(tokens)]);

  it('that nobody uses ends after 30 days', async () => {
    const tokens = await signIn(api, account);
    const [row] = await query(
      installation,
      `select extract(epoch from expires_at - created_at)::int as idle from auth.refresh_tokens
       where session_id = $1::uuid`,
      [sessionOf(tokens)],
    );
    expect(Number(row?.idle)).toBe(30 * 86_400);
    await query(
      installation,
      `update auth.refresh_tokens set expires_at = now() - interval '1 second' where session_id = $1::uuid`,
      [sessionOf(tokens)],
    );
    expect(refusal(await refresh(tokens.refreshToken))).toBe('401 invalid_refresh_token');
  });

  it('ends after 90 days however often it is refreshed', async () => {
    let tokens = await signIn(api, account);
    const [row] = await query(
      installation,
      `select extract(epoch from expires_at - created_at)::int as life from auth.sessions where id = $1::uuid`,
      [sessionOf(tokens)],
    );
    expect(Number(row?.life)).toBe(90 * 86_400);
    await move(tokens, "expires_at = now() + interval '3 seconds'");
    const endsAt = Date.now() + 3_000;
    while (Date.now() < endsAt - 1_000) {
      tokens = bodyOf(await refresh(tokens.refreshToken), 200, tokensSchema);
      expect(tokens.expiresIn).toBeLessThanOrEqual(4);
      await sleep(200);
    }
    await sleep(endsAt - Date.now() + 100);
    expect(refusal(await refresh(tokens.refreshToken))).toBe('401 invalid_refresh_token');
    await until(
      () => me(tokens.accessToken),
      (answer) => answer.startsWith('401'),
      { withinMs: 10_000, everyMs: 50, what: 'the access token to end with its session' },
    );
  });

  it('does not live longer because it was used', async () => {
    const tokens = await signIn(api, account);
    await move(tokens, "expires_at = now() + interval '1 hour'");
    await refreshed(tokens.refreshToken);
    const rows = await query(
      installation,
      `select 1 from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
       where s.id = $1::uuid and (t.expires_at > s.expires_at and t.spent_at is null
         or s.expires_at > now() + interval '1 hour')`,
      [sessionOf(tokens)],
    );
    expect(rows).toEqual([]);
  });
});
