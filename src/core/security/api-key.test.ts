import { expect, test } from 'vitest';
import { AppError } from '../http/app-error.ts';
import { API_KEY_PREFIX, isWellFormedApiKey, newApiKey } from './api-key.ts';
import { createAuthenticator } from './authenticator.ts';

test('a new key is well-formed, recognisable, and another one each time', () => {
  const keys = Array.from({ length: 100 }, newApiKey);
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) {
    expect(key).toMatch(/^acs_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/);
    expect(isWellFormedApiKey(key)).toBe(true);
  }
});

test('a key with any character changed is told apart without asking anybody', () => {
  const key = newApiKey();
  for (let index = 0; index < key.length; index += 1) {
    const other = key[index] === '0' ? '1' : '0';
    expect(isWellFormedApiKey(`${key.slice(0, index)}${other}${key.slice(index + 1)}`)).toBe(false);
  }
});

test.each([
  ['nothing', () => ''],
  ['the prefix alone', () => API_KEY_PREFIX],
  ['a key that was cut off', () => newApiKey().slice(0, -1)],
  ['a key with something behind it', () => `${newApiKey()}0`],
  ['a key with a line break behind it', () => `${newApiKey()}\n`],
  ['a key in upper case', () => newApiKey().toUpperCase()],
])('%s is no key', (_, make) => {
  expect(isWellFormedApiKey(make())).toBe(false);
});

test('a key that is not well-formed never reaches the database', async () => {
  const asked: string[] = [];
  const authenticator = createAuthenticator({
    verifier: { verify: () => Promise.reject(new Error('not a token')) },
    authorities: {
      ofSession: async () => undefined,
      ofApiKey: async (hash) => void asked.push(hash),
    },
    now: () => 0,
  });
  const refusal = (key: string) =>
    authenticator.authenticate(key, null).catch((error: unknown) => error instanceof AppError && error.code);
  expect(await refusal(`${newApiKey().slice(0, -1)}x`)).toBe('unauthorized');
  expect(asked).toEqual([]);
  expect(await refusal(newApiKey())).toBe('unauthorized');
  expect(asked).toHaveLength(1);
});
