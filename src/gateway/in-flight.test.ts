import { expect, test } from 'vitest';
import { createInFlight } from './in-flight.ts';

test('one address gets no more than its share, and others still get theirs', () => {
  const inFlight = createInFlight({ total: 4, perAddress: 2 });
  expect(['a', 'a', 'a', 'b'].map(inFlight.enter)).toEqual(['entered', 'entered', 'address_full', 'entered']);
  inFlight.leave('a');
  expect(inFlight.enter('a')).toBe('entered');
});

test('all of them together get no more than there is, and whoever leaves makes room', () => {
  const inFlight = createInFlight({ total: 2, perAddress: 2 });
  expect(['a', 'b', 'c'].map(inFlight.enter)).toEqual(['entered', 'entered', 'full']);
  inFlight.leave('a');
  expect(inFlight.enter('c')).toBe('entered');
});
