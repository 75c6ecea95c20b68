import fc from 'fast-check';
import { expect, test } from 'vitest';
import { versionsQuerySchema } from './files.ts';
import { nameKey, nameSchema } from './names.ts';

const isName = (name: string) => nameSchema.safeParse(name).success;

test.each([
  'a.txt',
  ' leading and trailing ',
  'résumé.pdf',
  '名前.txt',
  '🎉',
  '...',
  'con',
  '"quoted" & <b>',
  "'; DROP TABLE files; --",
  '$(reboot)',
  'ﷺ',
  '田中さんにあげて下さい',
  'x'.repeat(255),
  '-rf',
  '%2e%2e%2f',
])('%s is a name', (name) => {
  expect(isName(name)).toBe(true);
});

test.each([
  '',
  ' ',
  '\u3000',
  '.',
  '..',
  '../etc/passwd',
  'a/b',
  'a\\b',
  'a\0b',
  'a\r\nSet-Cookie: x',
  '\u007f',
  '\u0085',
  'a\u2028b',
  '\ud800',
  'x'.repeat(256),
  'ä'.repeat(128),
])('%j is no name', (name) => {
  expect(isName(name)).toBe(false);
});

test('every accepted name is one step of a path and survives UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      if (!isName(name)) return;
      expect(name).not.toMatch(/[/\\\0\r\n]/);
      expect(new TextDecoder().decode(new TextEncoder().encode(name))).toBe(name.replace(/^\ufeff/, ''));
    }),
  );
});

test('the key of a name does not depend on case or composition, and is its own key', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      expect(nameKey(name.normalize('NFD'))).toBe(nameKey(name));
      expect(nameKey(nameKey(name))).toBe(nameKey(name));
    }),
  );
  expect(nameKey('RÉSUMÉ')).toBe(nameKey('résumé'));
});

test('a version number that the database cannot hold is refused', () => {
  expect(versionsQuerySchema.safeParse({ cursor: '2147483648' }).success).toBe(false);
  expect(versionsQuerySchema.safeParse({ cursor: '1e300' }).success).toBe(false);
});
