import fc from 'fast-check';
import { expect, test } from 'vitest';
import { singleRange } from './api/content.ts';
import { attachment } from './api/content-headers.ts';
import { nameKey, nameSchema, versionsQuerySchema } from './models.ts';

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

test('a download carries its name in ASCII and in full, and nothing of it gets out of the header', () => {
  expect(attachment('rés"um\\é 🎉%.pdf')).toBe(
    `attachment; filename="r_s_um__ ___.pdf"; filename*=UTF-8''r%C3%A9s%22um%5C%C3%A9%20%F0%9F%8E%89%25.pdf`,
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      if (!isName(name)) return;
      const header = attachment(name);
      expect(header).toMatch(
        /^attachment; filename="[\x20\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[\w.!~%-]+$/,
      );
      expect(decodeURIComponent(header.replace(/^.*UTF-8''/, ''))).toBe(name);
    }),
  );
});

test.each(['bytes=0-', 'bytes=0-0', 'bytes=-5', ' bytes=1-2 '])('the range %s is passed on', (range) => {
  expect(singleRange(range)).toBe(range.trim());
});

test.each([
  undefined,
  '',
  'bytes=',
  'bytes=-',
  'bytes=5-2',
  'bytes=0-1,3-4',
  'bytes=a-b',
  'items=0-1',
  'bytes=0-99999999999999999999999',
  'bytes=1e3-',
])('the range %s is ignored', (range) => {
  expect(singleRange(range)).toBeUndefined();
});
