import type { Block, Line } from 'tesseract.js';

/**
 * Words below this are not kept. Tesseract's confidence goes up to 100. Clean print has 90 and more, faxes and small
 * print 75; what it takes for words in leaves, bricks and hair is mostly below 50.
 */
const WORD_CONFIDENCE = 60;
/** Mean of all words of a line, by length; lines below are not kept at all. */
const LINE_CONFIDENCE = 65;

/** Paragraphs apart, a line a line; without what was probably never text. */
export function confidentText(blocks: readonly Block[]): string {
  const paragraphs = blocks.flatMap((block) => block.paragraphs);
  const texts = paragraphs.map(({ lines }) => lines.map(confidentLine).filter(Boolean).join('\n'));
  const text = texts.filter(Boolean).join('\n\n');
  if (!/[\p{L}\p{N}]{3}/u.test(text)) return '';
  // A word broken at the end of a line is one word: that is how it is searched for.
  return text.replace(/(\p{Ll})[-\u00AD]\n(\p{Ll})/gu, '$1$2');
}

function confidentLine({ words }: Line): string {
  const length = words.reduce((sum, { text }) => sum + text.length, 0);
  const mean = words.reduce((sum, { text, confidence }) => sum + confidence * text.length, 0) / length;
  if (!(mean >= LINE_CONFIDENCE)) return '';
  const kept = words.filter(({ confidence }) => confidence >= WORD_CONFIDENCE).map(({ text }) => text);
  // Dots and single strokes are found in every photo, and found with confidence.
  return kept.some((word) => /[\p{L}\p{N}]{2}/u.test(word)) ? kept.join(' ') : '';
}
