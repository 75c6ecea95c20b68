import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, startTestSystem, type TestSystem } from '../testing/test-system.ts';

const HOUR_MS = 3_600_000;

let system: TestSystem;
/** The same deployment with a tenth of every limit, so that thousands of tries cost few derivations. */
let narrow: TestSystem;
/** One that cannot reach Redis. */
let isolate: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1' });
  narrow = system.withEnv({ RATE_LIMIT_SCALE: '0.1' });
  isolate = system.withEnv({ UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1' });
  // Who verifies tokens, and who paces derivations, keeps the clock that was there when it was made: the real one.
  for (const each of [system, narrow, isolate]) await each.call('GET', '/.well-known/jwks.json');
}, 120_000);
afterAll(() => system.close());

let time = Math.ceil(Date.now() / (4 * HOUR_MS)) * 4 * HOUR_MS;
const at = (ms: number) => void vi.setSystemTime(time + ms);
/** Each test has windows of its own, and the clock stands still in it. */
beforeEach(() => {
  time += 4 * HOUR_MS;
  vi.useFakeTimers({ toFake: ['Date'], now: time });
});
afterEach(() => void vi.useRealTimers());

let networks = 0;
/** An address in a network that nobody has been in. */
const newAddress = () => {
  networks += 1;
  return `198.18.${networks}.7`;
};
const login = (email: string, password: string, address: string, from: TestSystem = system) =>
  from.call('POST', '/v1/auth/login', { json: { email, password }, address });
const codes = (answers: readonly Answer[]) => answers.map(({ status }) => status);
const count = (answers: readonly Answer[], status: number) =>
  codes(answers).filter((each) => each === status).length;
const inTurn = async (times: number, call: () => Promise<Answer>) => {
  const answers: Answer[] = [];
  for (let turn = 0; turn < times; turn += 1) answers.push(await call());
  return answers;
};
/** A hundred at once, ten times: more at once than Redis answers in time on a slow machine would count apart from it. */
const thousand = async (call: (index: number) => Promise<Answer>) => {
  const answers: Answer[] = [];
  for (let wave = 0; wave < 10; wave += 1)
    answers.push(...(await Promise.all(Array.from({ length: 100 }, (_, index) => call(100 * wave + index)))));
  return answers;
};

describe('guessing a password', () => {
  test('is refused after a few tries, with the time to wait', async () => {
    const victim = await system.register({ address: newAddress() });
    const attacker = newAddress();
    const answers = await inTurn(20, () => login(victim.email, 'a guess that is wrong', attacker));
    expect(codes(answers)).toEqual([...Array(5).fill(401), ...Array(15).fill(429)]);
    const refused = answers.at(-1);
    expect(refused?.body.code).toBe('too_many_requests');
    expect(refused?.headers.get('retry-after')).toBe('60');
    expect(refused?.headers.get('ratelimit')).toContain('"login-failures";r=0;t=60');
    expect(refused?.headers.get('ratelimit-policy')).toContain('"login-failures";q=5;w=60');
    expect((await login(victim.email, victim.password, attacker)).status).toBe(429);
  });

  test('does not lock the owner out, at another address or in a session', async () => {
    vi.useRealTimers();
    const victim = await system.register({ address: newAddress() });
    const attacker = newAddress();
    await inTurn(20, () => login(victim.email, 'a guess that is wrong', attacker));
    expect((await victim.call('GET', '/v1/auth/me')).status).toBe(200);
    expect((await login(victim.email, victim.password, newAddress())).status).toBe(200);
  });

  test('has to wait longer the longer it goes on, and then goes on', async () => {
    const { email } = await system.register({ address: newAddress() });
    const attacker = newAddress();
    const guess = () => login(email, 'a guess that is wrong', attacker);
    const waitAfter = async (tries: number) => {
      const answers = await inTurn(tries + 1, guess);
      expect(count(answers, 401)).toBe(tries);
      return Number(answers.at(-1)?.headers.get('retry-after'));
    };
    expect(await waitAfter(5)).toBe(60);
    at(60_000);
    expect(await waitAfter(5)).toBe(840);
    at(900_000);
    expect(await waitAfter(5)).toBe(60);
    at(960_000);
    expect(await waitAfter(5)).toBe(6_240);
    at(7_200_000);
    expect((await guess()).status).toBe(401);
  });

  test('of an account that does not exist looks the same in every answer', async () => {
    const { email } = await system.register({ address: newAddress() });
    const look = (answers: readonly Answer[]) =>
      answers.map(({ status, body, headers }) => ({
        status,
        body: { ...body, requestId: '' },
        headers: Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id')),
      }));
    const attackers = [newAddress(), newAddress()] as const;
    const known = await inTurn(7, () => login(email, 'a guess that is wrong', attackers[0]));
    const unknown = await inTurn(7, () =>
      login(
        `nobody-${crypto.randomUUID()}@example.com`.replace(/-.*@/, '@'),
        'a guess that is wrong',
        attackers[1],
      ),
    );
    expect(look(unknown)).toEqual(look(known));
  });

  test('is one account in whatever case its address is written', async () => {
    const { email } = await system.register({ address: newAddress() });
    const attacker = newAddress();
    const guesses = [email, email.toUpperCase()].flatMap((each) =>
      Array.from({ length: 6 }, () => login(each, 'a guess that is wrong', attacker)),
    );
    expect(count(await Promise.all(guesses), 401)).toBe(5);
  });

  test('starts anew after the right password', async () => {
    const { email, password } = await system.register({ address: newAddress() });
    const address = newAddress();
    for (let turn = 0; turn < 2; turn += 1) {
      expect(count(await inTurn(4, () => login(email, 'a typing error', address)), 401)).toBe(4);
      expect((await login(email, password, address)).status).toBe(200);
    }
  });
});

describe('a thousand tries at once', () => {
  test('from one address at one account derive no more passwords than may fail', async () => {
    const { email } = await system.register({ address: newAddress() });
    const attacker = newAddress();
    const answers = await thousand(() => login(email, 'a guess that is wrong', attacker));
    expect(count(answers, 401)).toBe(5);
    expect(count(answers, 429)).toBe(995);
  });

  test('from one address at a thousand accounts stop at the limit of the address', async () => {
    const attacker = newAddress();
    const answers = await thousand((index) =>
      login(`stuffed-${index}@example.com`, 'from a list', attacker, narrow),
    );
    expect(count(answers, 401)).toBe(10);
    expect(count(answers, 429)).toBe(990);
  });

  test('from a thousand addresses of one IPv6 customer are tries of one', async () => {
    const { email } = await system.register({ address: newAddress() });
    const answers = await thousand((index) =>
      login(email, 'a guess that is wrong', `2001:db8:0:7::${(index + 1).toString(16)}`),
    );
    expect(count(answers, 401)).toBe(5);
  });

  test('at one account from as many addresses stop too, and the owner still gets in from where they were', async () => {
    const home = '192.0.2.10';
    const { email, password } = await narrow.register({ address: home });
    const answers = await thousand((index) =>
      login(email, 'a guess that is wrong', `10.${index >> 8}.${index & 255}.9`, narrow),
    );
    expect(count(answers, 401)).toBe(10);
    expect(count(answers, 429)).toBe(990);
    expect((await login(email, password, '203.0.114.1', narrow)).status).toBe(429);
    expect((await login(email, password, home, narrow)).status).toBe(200);
    expect((await login(email, password, '192.0.2.99', narrow)).status).toBe(200);
    at(900_000);
    expect((await login(email, password, '203.0.114.1', narrow)).status).toBe(200);
  });
});

test('successes are not failures: an office may sign in all at once', async () => {
  const office = newAddress();
  const { email, password } = await system.register({ address: office });
  const answers = await inTurn(12, () => login(email, password, office, narrow));
  expect(count(answers, 200)).toBe(12);
});

test('without Redis each isolate counts for itself', async () => {
  const { email, password } = await system.register({ address: newAddress() });
  const attacker = newAddress();
  const answers = await inTurn(8, () => login(email, 'a guess that is wrong', attacker, isolate));
  expect(codes(answers)).toEqual([...Array(5).fill(401), ...Array(3).fill(429)]);
  expect(answers.at(-1)?.headers.get('retry-after')).toBe('60');
  expect((await login(email, password, newAddress(), isolate)).status).toBe(200);
});

test('every route that anybody may post to is limited', async () => {
  const { body: contract } = await system.call('GET', '/openapi.json');
  const routes = Object.entries<{ post?: { security?: unknown[] } }>(contract.paths).flatMap(
    ([path, operations]) => (operations.post?.security?.length === 0 ? [path] : []),
  );
  expect(routes).toContain('/v1/auth/login');
  const address = newAddress();
  for (const route of routes) {
    const path = route.replaceAll(/\{\w+\}/g, 'x');
    const { headers } = await system.call('POST', path, { json: {}, address });
    expect(headers.get('ratelimit-policy'), route).toMatch(/^"[a-z-]+";q=\d+;w=\d+$/);
  }
});

describe('the limit of a route', () => {
  const spend = (address: string) =>
    narrow.call('POST', '/v1/auth/refresh', { json: { refreshToken: 'x'.repeat(43) }, address });

  test('admits exactly what it says, and again when it says', async () => {
    const address = newAddress();
    at(12_000);
    const clients = await Promise.all(
      [1, 2, 3, 4].map(() => Promise.all([...Array(25)].map(() => spend(address)))),
    );
    const answers = clients.flat();
    expect(count(answers, 401)).toBe(60);
    expect(count(answers, 429)).toBe(40);
    for (const { headers } of answers) expect(headers.get('ratelimit-policy')).toBe('"refresh";q=60;w=60');
    const left = answers
      .filter(({ status }) => status === 401)
      .map(({ headers }) => headers.get('ratelimit'));
    expect(new Set(left)).toEqual(new Set([...Array(60)].map((_, r) => `"refresh";r=${r};t=48`)));
    expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('48');
    at(59_000);
    expect((await spend(address)).status).toBe(429);
    at(60_000);
    expect((await spend(address)).status).toBe(401);
  });

  test('is of one address, and bodies that are not even valid count', async () => {
    const address = newAddress();
    const bad = () => narrow.call('POST', '/v1/auth/refresh', { json: { what: 1 }, address });
    expect(count(await Promise.all([...Array(61)].map(bad)), 400)).toBe(60);
    expect((await spend(newAddress())).status).toBe(401);
  });
});
