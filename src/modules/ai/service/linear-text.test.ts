import { expect, test } from 'vitest';
import type { RetrievedPassage } from '../ports/ask.ts';
import { citedIn } from './ask-prompt.ts';
import { extractAnswer } from './extract-answer.ts';
import { merged, snippetOf, spansOf, unmark } from './highlights.ts';
import { parseQuery } from './query-language.ts';

const SIZE = 100_000;
const seeds = [
  '"',
  '"a" ',
  '-"',
  '-',
  '- ',
  '*',
  'a*',
  'a-b*',
  'a ',
  ' ',
  '\n',
  '\\',
  "'",
  '\uE000',
  '\uE001',
  '\uE000a\uE001',
  '数',
  '数 ',
  '🎉',
  '\u200D',
  '\uFE0Fa',
  '\uD800',
  '[1,',
  '[1, 2]',
  '[',
  '1.',
  'A. ',
  'İ',
];

/** A passage of which only text and place are looked at. */
const passage = (text: string) => ({ text, start: 0, keyword: 1 }) as unknown as RetrievedPassage;

test.each<[string, (text: string) => unknown]>([
  ['a query', parseQuery],
  ['marks', unmark],
  ['a snippet', (text) => snippetOf(text, merged(spansOf(text, ['数', 'a', '🎉'])))],
  ['citations', (text) => citedIn(text, 8)],
  ['sentences', (text) => extractAnswer('why?', [passage(text)], async () => undefined)],
])('%s of any text is read in time that is linear', async (_, read) => {
  await read('a "b c" -d e* 数据 [1]. And so on.');
  const slow: string[] = [];
  for (const seed of seeds) {
    const text = seed.repeat(SIZE / seed.length);
    const startedAt = process.cpuUsage();
    await read(text);
    const { user } = process.cpuUsage(startedAt);
    // A quadratic one takes tens of seconds.
    if (user > 500_000) slow.push(`${JSON.stringify(seed)}: ${user / 1_000} ms`);
  }
  expect(slow).toEqual([]);
});
