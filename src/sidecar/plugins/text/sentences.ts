import { splitIntoUnits } from '../../text-units.ts';

export interface Sentence {
  start: number;
  end: number;
  text: string;
  /** A paragraph or section begins with it. */
  opens: boolean;
}

/** What is longer is cut; sentences of people are shorter. */
const LONGEST = { targetTokens: 160, maxCharacters: 600 };

/** Sentences without the white space around them, in order; `text.slice(start, end) === sentence.text`. */
export function* sentencesOf(text: string): Generator<Sentence> {
  for (const unit of splitIntoUnits(text, LONGEST)) {
    const raw = text.slice(unit.start, unit.end);
    const trimmed = raw.trim();
    if (trimmed === '') continue;
    const start = unit.start + raw.length - raw.trimStart().length;
    yield { start, end: start + trimmed.length, text: trimmed, opens: unit.starts !== 'sentence' };
  }
}
