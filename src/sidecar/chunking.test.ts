import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunking, chunkText } from './chunking.ts';

const sentence = 'The archive keeps every version of a file until its retention period has ended. ';

/** Texts with paragraphs, headings, long unbroken runs, emoji and Chinese, in any order. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.constantFrom('\n\n', '\n', ' ', '\n# Heading\n', '. ', '👩‍👩‍👧‍👦', '\r\n', '\t'),
      fc.constant(sentence),
      fc.integer({ min: 1, max: 3_000 }).map((n) => 'x'.repeat(n)),
      fc.integer({ min: 1, max: 700 }).map((n) => '漢字'.repeat(n)),
      fc.integer({ min: 1, max: 900 }).map((n) => '👍🏽'.repeat(n)),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe('chunkText', () => {
  it('gives offsets at which the text is exactly the chunk', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const [index, chunk] of chunkText(text).entries()) {
          expect(chunk.index).toBe(index);
          expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('leaves out nothing but white space', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        let covered = 0;
        for (const { start, end } of chunkText(text)) {
          expect(text.slice(covered, Math.max(covered, start)).trim()).toBe('');
          covered = Math.max(covered, end);
        }
        expect(text.slice(covered).trim()).toBe('');
      }),
      { numRuns: 150 },
    );
  });

  it('keeps every chunk within the limit, not blank, and later than the one before it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        let start = -1;
        let end = -1;
        for (const chunk of chunkText(text)) {
          expect(chunk.text.length).toBeLessThanOrEqual(chunking.maxCharacters);
          expect(chunk.text.trim()).not.toBe('');
          expect(chunk.start).toBeGreaterThan(start);
          expect(chunk.end).toBeGreaterThan(end);
          ({ start, end } = chunk);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('never splits a surrogate pair', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const chunk of chunkText(text.toWellFormed())) expect(chunk.text.isWellFormed()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('does not tear a family emoji apart in a line without spaces', () => {
    const family = '👩‍👩‍👧‍👦';
    for (const chunk of chunkText(family.repeat(400))) expect(chunk.text.length % family.length).toBe(0);
  });

  it('answers the same for the same text', () => {
    const text = sentence.repeat(100);
    expect(chunkText(text)).toEqual(chunkText(text));
  });

  it('repeats the last sentence of a chunk at the start of the next', () => {
    const [first, second] = chunkText(sentence.repeat(40));
    expect(second?.start).toBeLessThan(first?.end ?? 0);
    expect(
      first?.text.endsWith(second?.text.slice(0, 60) ?? '-') || first?.text.includes(sentence.trim()),
    ).toBe(true);
  });

  it('makes chunks of some 900 characters from English prose', () => {
    const sizes = chunkText(sentence.repeat(200)).map(({ text }) => text.length);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(mean).toBeGreaterThan(600);
    expect(mean).toBeLessThan(1_100);
  });

  it('starts a chunk at a heading', () => {
    const text = `${sentence.repeat(6)}\n\n## Returns\n\n${sentence.repeat(6)}`;
    expect(chunkText(text).some((chunk) => chunk.text.startsWith('## Returns'))).toBe(true);
  });

  it('gives a chunk the page it starts on', () => {
    const page = sentence.repeat(9);
    const text = `${page}\n\n${page}\n\n${page}`;
    const starts = [0, page.length + 2, 2 * page.length + 4];
    const chunks = chunkText(text, starts);
    expect(chunks[0]?.page).toBe(1);
    expect(chunks.at(-1)?.page).toBe(3);
  });

  it('makes nothing of white space', () => {
    expect(chunkText(' \n\n\t ')).toEqual([]);
  });

  it('takes a long line without a single space in its stride', () => {
    const startedAt = performance.now();
    const chunks = chunkText('a'.repeat(500_000));
    expect(chunks.length).toBeGreaterThan(300);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
