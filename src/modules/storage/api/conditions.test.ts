import { describe, expect, test } from 'vitest';
import { evaluate, httpDate, type Verdict } from './conditions.ts';

const ETAG = '"abc"';
const MODIFIED = 'Tue, 03 Nov 2026 10:20:30 GMT';
const BEFORE = 'Tue, 03 Nov 2026 10:20:29 GMT';
const AFTER = 'Tue, 03 Nov 2026 10:20:31 GMT';
const selected = {
  etag: ETAG,
  // With milliseconds, which no header has.
  modifiedAt: new Date('2026-11-03T10:20:30.789Z'),
  soleInItsSecond: true,
  size: 100,
};

function verdict(headers: Record<string, string>, change: Partial<typeof selected> = {}, method = 'GET') {
  return evaluate(method, new Headers(headers), { ...selected, ...change });
}
const told = (answer: Verdict) =>
  answer.status === 206 ? `206 ${answer.start}-${answer.end - 1}` : String(answer.status);

describe('conditions, in the order of RFC 9110, section 13.2.2', () => {
  test.each<[Record<string, string>, string]>([
    [{}, '200'],
    // If-Match: strongly
    [{ 'if-match': ETAG }, '200'],
    [{ 'if-match': '*' }, '200'],
    [{ 'if-match': `"x", ${ETAG}` }, '200'],
    [{ 'if-match': `W/${ETAG}` }, '412'],
    [{ 'if-match': '"x"' }, '412'],
    [{ 'if-match': '"x"', 'if-none-match': ETAG }, '412'],
    // If-Unmodified-Since: only without If-Match
    [{ 'if-unmodified-since': MODIFIED }, '200'],
    [{ 'if-unmodified-since': AFTER }, '200'],
    [{ 'if-unmodified-since': BEFORE }, '412'],
    [{ 'if-unmodified-since': 'yesterday' }, '200'],
    [{ 'if-match': ETAG, 'if-unmodified-since': BEFORE }, '200'],
    [{ 'if-match': '"x"', 'if-unmodified-since': AFTER }, '412'],
    // If-None-Match: weakly
    [{ 'if-none-match': ETAG }, '304'],
    [{ 'if-none-match': `W/${ETAG}` }, '304'],
    [{ 'if-none-match': `"x", W/"y", ${ETAG}` }, '304'],
    [{ 'if-none-match': '*' }, '304'],
    [{ 'if-none-match': '"x"' }, '200'],
    [{ 'if-none-match': '' }, '200'],
    [{ 'if-match': ETAG, 'if-none-match': ETAG }, '304'],
    [{ 'if-unmodified-since': BEFORE, 'if-none-match': ETAG }, '412'],
    // If-Modified-Since: only without If-None-Match
    [{ 'if-modified-since': MODIFIED }, '304'],
    [{ 'if-modified-since': AFTER }, '304'],
    [{ 'if-modified-since': BEFORE }, '200'],
    [{ 'if-modified-since': '2026-11-03T10:20:30Z' }, '200'],
    [{ 'if-none-match': '"x"', 'if-modified-since': AFTER }, '200'],
    [{ 'if-none-match': ETAG, 'if-modified-since': BEFORE }, '304'],
    // Range: last, and only under its own condition
    [{ range: 'bytes=0-9', 'if-match': '"x"' }, '412'],
    [{ range: 'bytes=0-9', 'if-none-match': ETAG }, '304'],
    [{ range: 'bytes=100-', 'if-none-match': ETAG }, '304'],
    [{ range: 'bytes=0-9', 'if-match': ETAG }, '206 0-9'],
    [{ range: 'bytes=0-9', 'if-range': ETAG }, '206 0-9'],
    [{ range: 'bytes=0-9', 'if-range': '"x"' }, '200'],
    [{ range: 'bytes=0-9', 'if-range': `W/${ETAG}` }, '200'],
    [{ range: 'bytes=0-9', 'if-range': MODIFIED }, '206 0-9'],
    [{ range: 'bytes=0-9', 'if-range': AFTER }, '200'],
    [{ range: 'bytes=0-9', 'if-range': 'nonsense' }, '200'],
    [{ range: 'bytes=100-', 'if-range': '"x"' }, '200'],
  ])('%j: %s', (headers, expected) => {
    expect(told(verdict(headers))).toBe(expected);
  });

  test('a date does not tell contents of one second apart, an entity tag does', () => {
    const change = { soleInItsSecond: false };
    expect(told(verdict({ range: 'bytes=0-9', 'if-range': MODIFIED }, change))).toBe('200');
    expect(told(verdict({ range: 'bytes=0-9', 'if-range': ETAG }, change))).toBe('206 0-9');
  });

  test('HEAD has conditions, and no ranges', () => {
    expect(told(verdict({ range: 'bytes=0-9' }, {}, 'HEAD'))).toBe('200');
    expect(told(verdict({ 'if-none-match': ETAG }, {}, 'HEAD'))).toBe('304');
  });
});

describe('ranges of 100 bytes', () => {
  test.each([
    ['bytes=0-0', '206 0-0'],
    ['bytes=0-99', '206 0-99'],
    ['bytes=10-19', '206 10-19'],
    ['bytes=99-99', '206 99-99'],
    ['bytes=90-', '206 90-99'],
    ['bytes=0-', '206 0-99'],
    ['bytes=90-200', '206 90-99'],
    ['bytes=5-99999999999999999999999', '206 5-99'],
    ['bytes=-1', '206 99-99'],
    ['bytes=-100', '206 0-99'],
    ['bytes=-101', '206 0-99'],
    ['BYTES=0-1', '206 0-1'],
    [' bytes=1-2 ', '206 1-2'],
    ['bytes=100-', '416'],
    ['bytes=100-200', '416'],
    ['bytes=99999999999999999999999-', '416'],
    ['bytes=-0', '416'],
    ['bytes=9-5', '200'],
    ['bytes=', '200'],
    ['bytes=-', '200'],
    ['bytes=a-b', '200'],
    ['bytes=--1', '200'],
    ['bytes=-1-2', '200'],
    ['bytes=1e1-', '200'],
    ['bytes = 0-1', '200'],
    ['items=0-1', '200'],
    ['0-1', '200'],
    ['bytes=0-1,5-6', '200'],
    ['bytes=0-50,10-60,20-70', '200'],
    ['bytes=0-0,', '200'],
  ])('%s: %s', (range, expected) => {
    expect(told(verdict({ range }))).toBe(expected);
  });

  test.each([
    ['bytes=0-', '416'],
    ['bytes=0-0', '416'],
    ['bytes=-5', '200'],
    ['bytes=-0', '416'],
  ])('of nothing, %s: %s', (range, expected) => {
    expect(told(verdict({ range }, { size: 0 }))).toBe(expected);
  });

  test('a thousand of them, tiny or overlapping, cost nothing and give the whole once', () => {
    const tiny = Array.from({ length: 1_000 }, (_, index) => `${index}-${index}`).join(',');
    const overlapping = Array.from({ length: 1_000 }, () => '0-').join(',');
    const startedAt = performance.now();
    for (let round = 0; round < 100; round += 1) {
      expect(told(verdict({ range: `bytes=${tiny}` }))).toBe('200');
      expect(told(verdict({ range: `bytes=${overlapping}` }))).toBe('200');
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('dates', () => {
  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '%s is one',
    (date) => {
      expect(httpDate(date)).toBe(784_111_777);
    },
  );

  test.each([
    '',
    '0',
    '784111777',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
  ])('%j is none', (date) => {
    expect(httpDate(date)).toBeUndefined();
  });
});
