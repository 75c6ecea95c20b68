import { setTimeout as sleep } from 'node:timers/promises';
import { URI } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from '../harness/client.ts';
import { callFrom } from '../harness/from-address.ts';
import { describeInstallation, type Installation } from '../harness/global-setup.ts';
import type { Answer } from '../harness/guarantees.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';
import { subjectsTo } from '../harness/mail.ts';
import { until } from '../harness/until.ts';
import { roomInWindow } from '../harness/windows.ts';
import { mfaChallengeSchema, sessionPageSchema, tokensSchema } from '../harness/wire.ts';

/** Calls of one address to refresh, and the window that they are counted in (docs/limits.md). */
const QUOTA = 600;
const WINDOW_MS = 60_000;

let system: TestStack;
let installation: Installation;
let api: Client;
let account: Account;

beforeAll(async () => {
  // With the limits of a deployment.
  system = await startTestStack({ composition: 'split' });
  installation = await describeInstallation(system, 'split');
  api = createClient(installation.url);
  account = await newAccount(api);
});
afterAll(async () => {
  await system?.dispose();
});

const loginFrom = (from: string, password: string, headers: Record<string, string> = {}) =>
  callFrom(installation.url, from, 'POST', '/v1/auth/login', {
    json: { email: account.email, password },
    headers,
  });
const waitOf = ({ headers }: Answer) => Number(headers.get('retry-after'));
/** `r` and `t` of a limit in the RateLimit header. */
const stateOf = ({ headers }: Answer, name: string) => {
  const [, left, seconds] =
    new RegExp(`"${name}";r=(\\d+);t=(\\d+)`).exec(headers.get('ratelimit') ?? '') ?? [];
  return { left: Number(left), seconds: Number(seconds) };
};

// S60
describe('a limit', () => {
  let usedUp: string;
  let opensAt: number;
  const refreshFrom = (from: string) =>
    callFrom(installation.url, from, 'POST', '/v1/auth/refresh', { json: { refreshToken: 'none of ours' } });

  /** Four clients at once use up the limit of an address. Undefined when the window ended meanwhile. */
  async function useUp(from: string) {
    await roomInWindow(WINDOW_MS / 1_000, 40);
    const window = Math.floor(Date.now() / WINDOW_MS);
    const answers: Answer[] = [];
    const client = async () => {
      while (answers.length < QUOTA + 20 && Math.floor(Date.now() / WINDOW_MS) === window)
        answers.push(await refreshFrom(from));
    };
    await Promise.all([client(), client(), client(), client()]);
    opensAt = (window + 1) * WINDOW_MS;
    return Date.now() < opensAt ? answers : undefined;
  }

  it('lets exactly as many through as it says, and its numbers are true', async () => {
    let answers: Answer[] | undefined;
    for (let attempt = 1; attempt <= 3 && answers === undefined; attempt += 1) {
      usedUp = `127.0.6.${attempt}`;
      answers = await useUp(usedUp);
    }
    const accepted = (answers ?? []).filter(({ status }) => status === 401);
    const refused = (answers ?? []).filter(({ status }) => status === 429);
    expect([accepted.length, refused.length >= 20]).toEqual([QUOTA, true]);
    const left = accepted.map((answer) => stateOf(answer, 'refresh').left).toSorted((a, b) => b - a);
    expect(left).toEqual(Array.from({ length: QUOTA }, (_, index) => QUOTA - 1 - index));
    for (const answer of [...accepted.slice(-1), ...refused]) {
      expect(answer.headers.get('ratelimit-policy')).toMatch(
        new RegExp(`^"refresh";q=${QUOTA};w=${WINDOW_MS / 1000}, "writes-of-address";`),
      );
      const { seconds } = stateOf(answer, 'refresh');
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
    }
    const late = await refreshFrom(usedUp);
    const due = (opensAt - Date.now()) / 1000;
    expect(refusal(late)).toBe('429 too_many_requests');
    expect(waitOf(late)).toBe(stateOf(late, 'refresh').seconds);
    expect(Math.abs(waitOf(late) - due)).toBeLessThan(2);
  });

  it('is one address’s own', async () => {
    expect(refusal(await refreshFrom('127.0.7.1'))).toBe('401 invalid_refresh_token');
  });

  it('opens again after as many seconds as it said', async () => {
    const said = waitOf(await refreshFrom(usedUp));
    if (said > 0) await sleep(said * 1000);
    const answer = await refreshFrom(usedUp);
    expect(refusal(answer)).toBe('401 invalid_refresh_token');
    expect(stateOf(answer, 'refresh').left).toBe(QUOTA - 1);
  });
});

// S7
describe('whoever guesses a password', () => {
  const GUESSER = '127.0.0.7';

  // Five tries a minute: all of what follows is in one, and in one quarter of an hour.
  beforeAll(() => roomInWindow(60, 50));

  it('is held up after a few tries, and told for how long', async () => {
    const answers: Answer[] = [];
    for (let guess = 0; guess < 20; guess += 1)
      answers.push(await loginFrom(GUESSER, `guess number ${guess}`));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
    for (const answer of answers.filter(({ status }) => status !== 401)) {
      expect(refusal(answer)).toBe('429 too_many_requests');
      expect(waitOf(answer)).toBeGreaterThan(0);
      expect(waitOf(answer)).toBeLessThanOrEqual(900);
    }
    expect(refusal(answers.at(-1) ?? answers[0] ?? (await loginFrom(GUESSER, 'x')))).toMatch(/^429/);
  });

  it('does not keep the owner out: sessions go on, and another address signs in', async () => {
    expect(refusal(await loginFrom(GUESSER, account.password))).toBe('429 too_many_requests');
    bodyOf(await loginFrom('127.0.0.8', account.password), 200, tokensSchema);
    expect((await account.api.call('GET', '/v1/auth/me')).status).toBe(200);
    const { refreshToken } = account.tokens;
    const refreshed = await api.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
    bodyOf(refreshed, 200, tokensSchema);
  });

  // S59
  it.each([
    'x-forwarded-for',
    'x-client-address',
    'true-client-ip',
    'x-real-ip',
    'forwarded',
    'cf-connecting-ipv6',
    'x-envoy-external-address',
  ])('gets no more tries by claiming an address in %s', async (header) => {
    for (let guess = 0; guess < 3; guess += 1) {
      const claimed = header === 'forwarded' ? `for=198.51.100.${guess}` : `198.51.100.${guess}`;
      const answer = await loginFrom(GUESSER, account.password, { [header]: claimed });
      expect(refusal(answer)).toBe('429 too_many_requests');
    }
  });

  // S59
  it('is one address however many the edge’s own header is made to name', async () => {
    const answers: string[] = [];
    for (let guess = 0; guess < 12; guess += 1)
      answers.push(
        refusal(
          await loginFrom('127.0.0.9', `guess ${guess}`, { 'cf-connecting-ip': `198.51.100.${guess}` }),
        ),
      );
    expect(answers.filter((answer) => answer.startsWith('401'))).toHaveLength(5);
    expect(answers.at(-1)).toBe('429 too_many_requests');
  });
});

// S59
describe('headers that name a user or an address', () => {
  it('change neither who somebody is nor where they are', async () => {
    const headers = {
      'x-user-id': `usr_${'0'.repeat(32)}`,
      'x-forwarded-user': 'admin',
      'x-client-address': '198.51.100.1',
      'x-forwarded-for': '198.51.100.1',
      'x-client-place': 'Atlantis',
      'cf-ipcountry': 'ZZ',
    };
    const { email, id } = account.tokens.user;
    const { password } = account;
    const json = { email, password };
    const answer = await callFrom(installation.url, '127.0.0.10', 'POST', '/v1/auth/login', {
      json,
      headers,
    });
    const { accessToken, user } = bodyOf(answer, 200, tokensSchema);
    expect(user.id).toBe(id);
    const me = await api.as(accessToken).call('GET', '/v1/auth/me', { headers });
    expect(JSON.parse(new TextDecoder().decode(me.bytes)).id).toBe(id);
    expect(refusal(await api.call('GET', '/v1/auth/me', { headers }))).toBe('401 unauthorized');
    const { items } = bodyOf(await account.api.call('GET', '/v1/auth/sessions'), 200, sessionPageSchema);
    for (const { network, place } of items) expect([network, place]).toEqual(['127.0.0.0/24', null]);
  });
});

// S10
describe('whoever guesses codes of an authenticator app', () => {
  it('gets ten in a quarter of an hour; the owner is told, and a recovery code works on', async () => {
    const owner = await newAccount(api);
    const begun = await owner.api.call('POST', '/v1/auth/mfa/totp');
    const app = URI.parse(JSON.parse(new TextDecoder().decode(begun.bytes)).otpauthUri);
    if (!('period' in app)) throw new Error('the address is not one of a TOTP');
    const json = { code: app.generate() };
    const confirmed = await owner.api.call('POST', '/v1/auth/mfa/totp/confirm', { json });
    const [recoveryCode] = JSON.parse(new TextDecoder().decode(confirmed.bytes)).recoveryCodes;

    const { email, password } = owner;
    const challenge = async () => {
      const answer = await api.call('POST', '/v1/auth/login', { json: { email, password } });
      return bodyOf(answer, 202, mfaChallengeSchema).mfaToken;
    };
    const verify = (body: object) => api.call('POST', '/v1/auth/mfa/verify', { json: body });
    await roomInWindow(900, 60);
    const answers: Answer[] = [];
    for (let round = 0; round < 3; round += 1) {
      const mfaToken = await challenge();
      for (let guess = 0; guess < 4; guess += 1)
        answers.push(await verify({ mfaToken, code: app.generate({ timestamp: Date.now() + 86_400_000 }) }));
    }
    const seen = answers.map(refusal);
    expect(seen.slice(0, 10)).toEqual(Array(10).fill('401 invalid_code'));
    expect(seen.slice(10)).toEqual(Array(2).fill('429 too_many_requests'));
    expect(waitOf(answers.at(-1) ?? (await verify({})))).toBeGreaterThan(0);
    bodyOf(await verify({ mfaToken: await challenge(), recoveryCode }), 200, tokensSchema);
    await until(
      () => subjectsTo(installation, email, 1),
      (subjects) => subjects.includes('The security of your account has changed'),
      { withinMs: 20_000, what: 'word of the guesses' },
    );
  });
});
