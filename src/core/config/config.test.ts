import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  ConfigError,
  cacheConfigSchema,
  databaseConfigSchema,
  fetcherSchema,
  parseConfig,
} from './config.ts';
import { perEnvironment } from './per-environment.ts';

const schema = z.object({ ...databaseConfigSchema.shape, ...cacheConfigSchema.shape, AUTH: fetcherSchema });

function faultsOf(env: object): readonly string[] {
  try {
    parseConfig('storage', schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
  }
  return [];
}

test('all faults of an environment are listed at once, each with its variable', () => {
  const faults = faultsOf({ DATABASE_URL: 'mysql://x', UPSTASH_REDIS_REST_TOKEN: '' });
  const variables = faults.map((fault) => fault.split(':')[0]);
  expect(variables.toSorted()).toEqual([
    'AUTH',
    'DATABASE_URL',
    'UPSTASH_REDIS_REST_TOKEN',
    'UPSTASH_REDIS_REST_URL',
  ]);
});

test('no value of a variable is in the message', () => {
  const faults = faultsOf({ DATABASE_URL: 'hunter2', UPSTASH_REDIS_REST_URL: 'hunter2', AUTH: 'hunter2' });
  expect(faults).toHaveLength(4);
  expect(faults.join()).not.toContain('hunter2');
});

test('something is built once for each environment object', () => {
  let built = 0;
  const get = perEnvironment(() => ({ number: ++built }));
  const env = {};
  expect([get(env), get(env), get({})].map(({ number }) => number)).toEqual([1, 1, 2]);
});

test('an environment that could not be built is tried again', () => {
  let attempts = 0;
  const get = perEnvironment(() => {
    if (++attempts === 1) throw new Error('not yet');
    return 'built';
  });
  const env = {};
  expect(() => get(env)).toThrow('not yet');
  expect(get(env)).toBe('built');
});
