import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameSchema } from '../models/names.ts';
import type { LiveContent } from '../service/content.ts';
import { attachment, contentHeaders, validatorHeaders } from './content-headers.ts';

const HEADER = /^attachment; filename="[\x20\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[\w.!~%-]+$/;
const nameIn = (header: string) => decodeURIComponent(header.replace(/^.*UTF-8''/, ''));

function content(contentType: string, name = 'a'): LiveContent {
  const object = { id: 'obj_1', key: 'k', encryption: 'none', wrappedKey: null, size: 1 } as const;
  return {
    fileId: 'file_1',
    name,
    kind: 'file',
    soleInItsSecond: true,
    version: {
      id: 'ver_1',
      number: 1,
      object: { ...object, state: 'live', isUnscanned: false, etag: 'e', sha256: '00'.repeat(32) },
      contentType,
      label: null,
      createdBy: 'usr_1',
      createdAt: new Date('2026-11-03T10:20:30.789Z'),
    },
  };
}

test('a download carries its name in ASCII and in full, and nothing of it gets out of the header', () => {
  expect(attachment('rés"um\\é 🎉%.pdf')).toBe(
    `attachment; filename="r_s_um__ ___.pdf"; filename*=UTF-8''r%C3%A9s%22um%5C%C3%A9%20%F0%9F%8E%89%25.pdf`,
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      if (!nameSchema.safeParse(name).success) return;
      expect(attachment(name)).toMatch(HEADER);
      expect(nameIn(attachment(name))).toBe(name);
    }),
  );
});

test.each([
  `"; filename="evil.exe`,
  `a';b*c(d).txt`,
  '🎉👨‍👩‍👧.png',
  'CON',
  'a. ',
  '\u202egpj.exe',
  'ä'.repeat(127),
  'x'.repeat(255),
])('%j is told as it is', (name) => {
  expect(attachment(name)).toMatch(HEADER);
  expect(nameIn(attachment(name))).toBe(name);
});

test('even a name that should never have been stored ends no header', () => {
  const header = attachment('a\r\nSet-Cookie: x=1\0.txt');
  expect(header).toMatch(HEADER);
  expect(() => new Headers({ 'content-disposition': header })).not.toThrow();
});

test.each(['text/html', 'image/svg+xml', 'application/xml', 'application/pdf', 'application/octet-stream'])(
  '%s is a download even where it is asked for inline',
  (type) => {
    const headers = contentHeaders(content(type), { keeping: 'revalidated', inline: true });
    expect(headers['content-disposition']).toMatch(/^attachment;/);
    expect(headers['content-security-policy']).toBe("default-src 'none'; sandbox");
    expect(headers['x-content-type-options']).toBe('nosniff');
  },
);

test.each(['image/png', 'video/mp4', 'audio/mpeg', 'text/plain; charset=utf-8'])(
  '%s is shown where it is asked for inline, in a sandbox still',
  (type) => {
    const headers = contentHeaders(content(type), { keeping: 'revalidated', inline: true });
    expect(headers['content-disposition']).toMatch(/^inline;/);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*; sandbox$/);
    expect(headers['content-security-policy']).not.toContain('script');
    const plain = contentHeaders(content(type), { keeping: 'revalidated', inline: false });
    expect(plain['content-disposition']).toMatch(/^attachment;/);
  },
);

test('nothing is kept where others could read it', () => {
  const kept = (keeping: 'revalidated' | 'immutable' | 'never') =>
    validatorHeaders(content('text/plain'), keeping)['cache-control'];
  expect(kept('revalidated')).toBe('private, no-cache');
  expect(kept('immutable')).toBe('private, max-age=86400, immutable');
  expect(kept('never')).toBe('private, no-store');
  expect(validatorHeaders(content('text/plain'), 'immutable')).toMatchObject({
    vary: 'authorization, cookie',
    etag: '"e"',
    'last-modified': 'Tue, 03 Nov 2026 10:20:30 GMT',
  });
});
