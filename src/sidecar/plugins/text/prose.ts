import { stopWordsOf } from './stop-words.ts';
import { wordsOf } from './words.ts';

const CODE =
  /^(?:text\/(?:javascript|css|x-[\w.+-]+)|application\/(?:javascript|json|xml|typescript|sql|x-sh|x-python|toml|yaml|x-yaml))$/;
const TABLE =
  /^(?:text\/(?:csv|tab-separated-values)|application\/vnd\.(?:ms-excel|oasis\.opendocument\.spreadsheet|openxmlformats-officedocument\.spreadsheetml\.sheet))$/;

export function isCodeType(contentType: string): boolean {
  return CODE.test(contentType.split(';')[0] ?? '');
}

export function isTableType(contentType: string): boolean {
  return TABLE.test(contentType.split(';')[0] ?? '');
}

const SAMPLE_WORDS = 3_000;
/** Of running text some 40 % are function words; of lists, tables and code a few. */
const FUNCTION_WORDS = 0.25;

/** Running text of a language with known stop words, by the share of its function words. */
export function isProse(text: string, language: string, fewestWords: number): boolean {
  const stopWords = stopWordsOf(language);
  let words = 0;
  let functionWords = 0;
  for (const { text: word } of wordsOf(text)) {
    words++;
    if (stopWords.has(word.toLowerCase())) functionWords++;
    if (words === SAMPLE_WORDS) break;
  }
  return words >= fewestWords && functionWords / words >= FUNCTION_WORDS;
}
