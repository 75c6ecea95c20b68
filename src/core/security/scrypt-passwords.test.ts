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

test('a hash with other parameters than today is outdated', async () => {
  expect(passwords.isOutdated(await passwords.hash('any'))).toBe(false);
  const rest = `${'A'.repeat(22)}$${'A'.repeat(43)}`;
  for (const parameters of ['ln=14,r=8,p=3', 'ln=15,r=8,p=1', 'ln=15,r=4,p=3'])
    expect(passwords.isOutdated(`$scrypt$${parameters}$${rest}`)).toBe(true);
});

test('half a character matches nothing, not even what it is replaced with in UTF-8', async () => {
  const hash = await passwords.hash('p\ufffd');
  expect(await passwords.verify('p\ufffd', hash)).toBe(true);
  expect(await passwords.verify('p\ud83d', hash)).toBe(false);
});

const TAIL = `$${'A'.repeat(22)}$${'A'.repeat(43)}`;
test.each([
  undefined,
  '',
  'plain',
  '$2b$10$abc',
  // Parameters that would take the isolate's memory or time, or that scrypt does not have.
  `$scrypt$ln=30,r=8,p=1${TAIL}`,
  `$scrypt$ln=20,r=8,p=1${TAIL}`,
  `$scrypt$ln=15,r=99,p=1${TAIL}`,
  `$scrypt$ln=15,r=8,p=99${TAIL}`,
  `$scrypt$ln=15,r=8,p=0${TAIL}`,
  `$scrypt$ln=0,r=8,p=1${TAIL}`,
  `$scrypt$ln=15,r=8,p=3$${'A'.repeat(21)}$${'A'.repeat(43)}`,
  `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$`,
])('without a usable hash (%s) it is refused, after the same work', async (hash) => {
  const before = process.cpuUsage().user;
  expect(await passwords.verify('any', hash)).toBe(false);
  // 32 MiB times three of memory-hard work cannot be done in less; what is not derived takes microseconds.
  expect(process.cpuUsage().user - before).toBeGreaterThan(20_000);
});
