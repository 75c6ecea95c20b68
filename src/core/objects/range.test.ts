import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRange } from './range.ts';

test.each<[string, number, ReturnType<typeof parseRange>]>([
  ['bytes=0-0', 10, { start: 0, end: 1 }],
  ['bytes=2-', 10, { start: 2, end: 10 }],
  ['bytes=-3', 10, { start: 7, end: 10 }],
  ['bytes=-30', 10, { start: 0, end: 10 }],
  ['bytes=0-99999999999999999999999999', 10, { start: 0, end: 10 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=99999999999999999999999999-', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-5', 0, 'unsatisfiable'],
  ['bytes=5-4', 10, undefined],
  ['bytes=-', 10, undefined],
  ['bytes=--1', 10, undefined],
  ['bytes=0-1,3-4', 10, undefined],
  ['items=0-1', 10, undefined],
  ['bytes=a-b', 10, undefined],
])('%s of %d bytes', (header, size, expected) => {
  expect(parseRange(header, size)).toEqual(expected);
});

test('a range never leaves the object', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(1000), (first, last, size) => {
      const range = parseRange(`bytes=${first}-${last}`, size);
      if (typeof range !== 'object') return;
      expect(0 <= range.start && range.start < range.end && range.end <= size).toBe(true);
    }),
  );
});
