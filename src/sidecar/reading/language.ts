import eld from 'eld/small';

const SAMPLE_CHARACTERS = 4_000;
const FEWEST_LETTERS = 20;

/** ISO 639-1 code of the text's language; null when there is too little text or no language stands out. */
export function detectLanguage(text: string): string | null {
  // From the middle as well: the start may be a table of contents or a licence header.
  const middle = Math.floor(text.length / 2);
  const sample =
    text.length <= 2 * SAMPLE_CHARACTERS
      ? text
      : `${text.slice(0, SAMPLE_CHARACTERS)} ${text.slice(middle, middle + SAMPLE_CHARACTERS)}`;
  if ((sample.match(/\p{L}/gu)?.length ?? 0) < FEWEST_LETTERS) return null;
  const result = eld.detect(sample);
  return result.language !== '' && result.isReliable() ? result.language : null;
}
