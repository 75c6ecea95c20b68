import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinPieces } from './extracted-text.ts';

const at = (start: number, text: string, page: number | null = null) => ({ start, text, page });

test('passages that overlap are joined without repeating what they share', () => {
  const pieces = [at(0, 'One two.'), at(4, 'two. Three'), at(15, 'four', 2)];
  expect(joinPieces(pieces, 0, 100, 19)).toEqual({
    start: 0,
    end: 19,
    page: null,
    text: 'One two. Three\nfour'.replace('\n', ' '),
  });
  expect(joinPieces(pieces, 4, 7, 19).text).toBe('two');
  expect(joinPieces([at(15, 'four', 2)], 15, 19, 19)).toMatchObject({ page: 2, text: 'four' });
});

test('what lies between passages was white space: one character, or the end of a paragraph', () => {
  expect(joinPieces([at(0, 'a'), at(2, 'b'), at(5, 'c')], 0, 6, 6).text).toBe('a b\n\nc');
  expect(joinPieces([at(0, 'a'), at(5, 'c')], 2, 4, 6).text).toBe('\n\n');
});

test('beyond the end there is nothing', () => {
  expect(joinPieces([], 50, 60, 6)).toEqual({ start: 6, end: 6, page: null, text: '' });
  expect(joinPieces([], 0, 60, 0)).toEqual({ start: 0, end: 0, page: null, text: '' });
});

test('every range of a text has the length it should have and reads as the text does', () => {
  const cut = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 50 }),
      fc.array(cut),
      cut,
      (text, cuts, [from, size]) => {
        const pieces = cuts
          .map(([start, length]) => at(start, text.slice(start, start + length)))
          .filter((piece) => piece.text !== '')
          .toSorted((a, b) => a.start - b.start || a.text.length - b.text.length);
        const [start, end] = [Math.min(from, text.length), Math.min(from + size, text.length)];
        const touching = pieces.filter(
          (piece) => piece.start < end && piece.start + piece.text.length > start,
        );
        const joined = joinPieces(touching, from, from + size, text.length).text;
        expect(joined.length).toBe(end - start);
        for (let offset = start; offset < end; offset += 1) {
          const isKnown = touching.some(
            (piece) => piece.start <= offset && offset < piece.start + piece.text.length,
          );
          if (isKnown) expect(joined[offset - start]).toBe(text[offset]);
        }
      },
    ),
  );
});
