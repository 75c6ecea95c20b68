import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../../core/config/config.ts';
import { authConfigSchema } from './config.ts';

const complete = {
  ENVIRONMENT: 'production',
  DATABASE_URL: 'postgresql://user:password@db.example.com/acs',
  UPSTASH_REDIS_REST_URL: 'https://redis.example.com',
  UPSTASH_REDIS_REST_TOKEN: 'token',
  AUTH_ISSUER: 'https://api.example.com',
  AUTH_ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}`,
  EMAIL_ENDPOINT: 'https://mail.example.com/emails',
  EMAIL_API_KEY: 'key',
  EMAIL_FROM: 'AI Cloud Storage <no-reply@example.com>',
};

function faultsOf(env: object): readonly string[] {
  try {
    parseConfig('auth', authConfigSchema, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

test('what is complete has no faults, and registration is confirmed by e-mail unless told', () => {
  expect(faultsOf(complete)).toEqual([]);
  expect(parseConfig('auth', authConfigSchema, complete)).toMatchObject({
    REGISTRATION: 'confirmed',
    ACCESS_TOKEN_SECONDS: 300,
  });
});

test('addresses that secrets travel to must be encrypted, except on one’s own machine', () => {
  const plain = { ...complete, EMAIL_ENDPOINT: 'http://mail', UPSTASH_REDIS_REST_URL: 'http://redis' };
  expect(faultsOf(plain).map((fault) => fault.split(':')[0])).toEqual([
    'EMAIL_ENDPOINT',
    'UPSTASH_REDIS_REST_URL',
  ]);
  expect(faultsOf({ ...plain, ENVIRONMENT: 'local' })).toEqual([]);
});

test('all faults are told at once, and no value of a secret', () => {
  const secret = 'k1:too-short-to-be-a-key';
  const faults = faultsOf({ ENVIRONMENT: 'dev', AUTH_ENCRYPTION_KEYS: secret, AUTH_ISSUER: 'http://plain' });
  const names = faults.map((fault) => fault.split(':')[0]);
  for (const name of [
    'AUTH_ENCRYPTION_KEYS',
    'AUTH_ISSUER',
    'DATABASE_URL',
    'EMAIL_API_KEY',
    'EMAIL_ENDPOINT',
  ])
    expect(names).toContain(name);
  expect(faults.join('\n')).not.toContain(secret);
});

test('passwords cost what they should everywhere but in tests', () => {
  const weak = { ...complete, PASSWORD_SCRYPT_LN: '14' };
  for (const ENVIRONMENT of ['local', 'dev', 'staging', 'production'])
    expect(faultsOf({ ...weak, ENVIRONMENT }).join()).toContain('PASSWORD_SCRYPT_LN');
  expect(parseConfig('auth', authConfigSchema, { ...weak, ENVIRONMENT: 'test' }).PASSWORD_SCRYPT_LN).toBe(14);
  expect(parseConfig('auth', authConfigSchema, complete).PASSWORD_SCRYPT_LN).toBe(15);
});
