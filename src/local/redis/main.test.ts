import { Redis } from '@upstash/redis';
import { expect, test } from 'vitest';
import { exitCodeOf, spawnService } from '../testing/spawn-service.ts';

const main = new URL('./main.ts', import.meta.url);

test('the process answers, and stops cleanly on SIGTERM', async () => {
  const service = await spawnService(main, { REDIS_TOKEN: 'secret' });
  const redis = new Redis({ url: service.url, token: 'secret', retry: false });
  expect(await redis.set('k', 'v')).toBe('OK');
  expect(await service.stop('SIGTERM')).toBe(0);
});

test('it does not start without a token', async () => {
  expect(await exitCodeOf(main, {})).toBe(1);
});
