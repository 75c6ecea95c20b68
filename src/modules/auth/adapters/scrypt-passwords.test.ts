import * as crypto from 'node:crypto';
import { expect, test } from 'vitest';
import { createScryptPasswords } from './scrypt-passwords.ts';

const passwords = createScryptPasswords();

test('a hash is a PHC string with the parameters of ASVS, and each has its own salt', async () => {
  const [first, second] = await Promise.all([passwords.hash('same'), passwords.hash('same')]);
  expect(first).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(first).not.toBe(second);
});

test('the password matches its hash, exactly', async () => {
  const hash = await passwords.hash('pässwörd 🎉 ');
  expect(await passwords.verify('pässwörd 🎉 ', hash)).toBe(true);
  for (const other of ['pässwörd 🎉', 'Pässwörd 🎉 ', 'pässwörd 🎉 '.normalize('NFD')])
    expect(await passwords.verify(other, hash)).toBe(false);
});

test('nothing is cut off: 128 characters count to the last', async () => {
  const hash = await passwords.hash('a'.repeat(128));
  expect(await passwords.verify('a'.repeat(127), hash)).toBe(false);
});

test('a hash with other parameters is verified with its own', async () => {
  const salt = Buffer.from('0123456789abcdef');
  const key = crypto.scryptSync('old', salt, 32, { N: 2 ** 10, r: 8, p: 1 });
  const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  expect(await passwords.verify('old', `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(key)}`)).toBe(true);
});

test.each([undefined, '', 'plain', '$2b$10$abc'])(
  'without a usable hash (%s) it is refused, after the same work',
  async (hash) => {
    const before = process.cpuUsage().user;
    expect(await passwords.verify('any', hash)).toBe(false);
    // 32 MiB times three of memory-hard work cannot be done in less; what is not derived takes microseconds.
    expect(process.cpuUsage().user - before).toBeGreaterThan(20_000);
  },
);
