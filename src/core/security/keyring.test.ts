import { describe, expect, test } from 'vitest';
import { createKeyring, keyringSchema } from './keyring.ts';

const A = 'A'.repeat(43);
const B = `${'B'.repeat(42)}A`;
const keyring = (text: string) => createKeyring(keyringSchema.parse(text));

describe('what is sealed', () => {
  test('opens under its context and no other', async () => {
    const keys = keyring(`k1:${A}`);
    const sealed = await keys.seal('totp usr_1', 'a secret 🎉');
    expect(await keys.open('totp usr_1', sealed)).toBe('a secret 🎉');
    await expect(keys.open('totp usr_2', sealed)).rejects.toThrow();
  });

  test('shows nothing of the text and is never the same twice', async () => {
    const keys = keyring(`k1:${A}`);
    const [first, second] = await Promise.all([keys.seal('x', 'canary'), keys.seal('x', 'canary')]);
    expect(first).not.toBe(second);
    expect(atob((first.split('.')[3] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).not.toContain(
      'canary',
    );
  });

  test('does not open with any one character changed', async () => {
    const keys = keyring(`k1:${A}`);
    const sealed = await keys.seal('x', 'text');
    const body = sealed.indexOf('.', 3) + 1;
    for (let at = body; at < sealed.length; at += 1) {
      if (sealed[at] === '.') continue;
      // The last character of a part may carry bits that mean nothing: the first ones of each part always mean something.
      if (at === sealed.length - 1 || sealed[at + 1] === '.') continue;
      const other = sealed[at] === 'A' ? 'B' : 'A';
      await expect(keys.open('x', sealed.slice(0, at) + other + sealed.slice(at + 1))).rejects.toThrow();
    }
  });

  test.each(['', 'v1', 'v1.k1..', 'v2.k1.AAAA.AAAA', 'v1.k9.AAAA.AAAA', 'v1.k1.AAAA.AAAA'])(
    'is not %j',
    async (text) => {
      await expect(keyring(`k1:${A}`).open('x', text)).rejects.toThrow();
    },
  );

  test('opens after a rotation for as long as its key is kept, and is known to be under an old one', async () => {
    const before = keyring(`k1:${A}`);
    const during = keyring(`k2:${B},k1:${A}`);
    const sealed = await before.seal('x', 'text');
    expect(await during.open('x', sealed)).toBe('text');
    expect([before, during].map(({ currentPrefix }) => sealed.startsWith(currentPrefix))).toEqual([
      true,
      false,
    ]);
    const resealed = await during.seal('x', 'text');
    expect(resealed.startsWith(during.currentPrefix)).toBe(true);
    await expect(before.open('x', resealed)).rejects.toThrow('no key k2');
    expect(await keyring(`k2:${B}`).open('x', resealed)).toBe('text');
  });
});

test('a MAC is the same for the same key, whatever its place, and differs by key, context and message', async () => {
  const [mac] = await keyring(`k1:${A}`).macs('refresh-token', 'R1');
  expect(await keyring(`k2:${B},k1:${A}`).macs('refresh-token', 'R1')).toEqual([expect.any(String), mac]);
  const others = await Promise.all([
    keyring(`k1:${B}`).macs('refresh-token', 'R1'),
    keyring(`k1:${A}`).macs('other', 'R1'),
    keyring(`k1:${A}`).macs('refresh-token', 'R2'),
  ]);
  expect(new Set([mac, ...others.flat()]).size).toBe(4);
  expect(mac).toHaveLength(43);
});

test.each(['', 'k1', `k1:${'A'.repeat(42)}`, `:${A}`, `k1:${A},`, `k1:${A},k1:${B}`, `k 1:${A}`])(
  'the variable %j is refused',
  (text) => {
    expect(keyringSchema.safeParse(text).success).toBe(false);
  },
);
