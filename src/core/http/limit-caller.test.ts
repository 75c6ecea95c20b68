import { expect, test } from 'vitest';
import { createMemoryRateLimiter } from '../cache/memory-rate-limiter.ts';
import type { Principal } from '../security/principal.ts';
import { type CoreVariables, createHttpApp } from './app.ts';
import { limitCaller } from './limit-caller.ts';
import { CALLS_PER_KEY, CALLS_PER_USER } from './route-limits.ts';

const session = { kind: 'session', id: 'ses_1', clientId: null } as const;
const key = (id: string) => ({ kind: 'api-key', id }) as const;
const principal = (userId: string, credential: Principal['credential']): Principal => ({
  userId,
  credential,
  kind: 'person',
  role: 'member',
  permissions: new Set(),
  restriction: null,
  authenticatedAt: null,
  methods: [],
});

function createWorld() {
  const limiter = createMemoryRateLimiter(() => 0);
  const app = createHttpApp<CoreVariables>('test');
  let done = 0;
  let caller = principal('usr_1', session);
  app.use((c, next) => limitCaller(c, limiter, caller, next));
  app.all('*', (c) => {
    done += 1;
    return c.text('done');
  });
  return {
    done: () => done,
    async call(by: Principal, method: string, path = '/v1/files') {
      caller = by;
      return app.request(path, { method }, { LOG_LEVEL: 'silent' });
    },
  };
}

test('a user has so many calls of each kind, and writes beyond that do nothing', async () => {
  const world = createWorld();
  const user = principal('usr_1', session);
  for (let count = 0; count < CALLS_PER_USER.write.limit; count += 1) await world.call(user, 'POST');
  const refused = await world.call(user, 'POST');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(world.done()).toBe(CALLS_PER_USER.write.limit);
  const other = await world.call(principal('usr_2', session), 'POST');
  expect(other.status).toBe(200);
  expect(other.headers.get('ratelimit')).toBe(`"writes";r=${CALLS_PER_USER.write.limit - 1};t=60`);
  expect((await world.call(user, 'GET')).status).toBe(200);
  expect((await world.call(user, 'GET', '/v1/search')).headers.get('ratelimit')).toMatch(/^"searches";/);
});

test('a key has its own, within those of its user', async () => {
  const world = createWorld();
  const wild = principal('usr_1', key('key_1'));
  for (let count = 0; count < CALLS_PER_KEY.search.limit; count += 1)
    expect((await world.call(wild, 'GET', '/v1/search')).status).toBe(200);
  const refused = await world.call(wild, 'GET', '/v1/search');
  expect([refused.status, await refused.text()]).toEqual([429, expect.not.stringContaining('done')]);
  expect((await world.call(principal('usr_1', key('key_2')), 'GET', '/v1/search')).status).toBe(200);
});
