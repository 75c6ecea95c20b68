import { expect, test } from 'vitest';
import type { RetrievedPassage } from '../ports/ask.ts';
import { extractAnswer } from './extract-answer.ts';

const passage = (text: string, start = 0, keyword = 0) =>
  ({ text, start, end: start + text.length, keyword }) as unknown as RetrievedPassage;
/** As alike as a sentence has words of the question. */
const byWord = (word: string) => async (_: string, texts: readonly string[]) =>
  texts.map((text) => (text.includes(word) ? 0.9 : 0.1));

test('a sentence that answers is shown with where it stands in the version', async () => {
  const text = 'The sky is grey.  The invoice is due in May. Bye.';
  const [best, ...rest] = await extractAnswer('when?', [passage(text, 100)], byWord('invoice'));
  expect(rest).toEqual([]);
  expect(best).toMatchObject({ passage: 0, text: 'The invoice is due in May.' });
  expect(text.slice((best?.start ?? 0) - 100, (best?.end ?? 0) - 100)).toBe('The invoice is due in May.');
});

test('nothing is shown when no sentence is about the question', async () => {
  expect(await extractAnswer('when?', [passage('The sky is grey.')], byWord('invoice'))).toEqual([]);
  expect(await extractAnswer('when?', [], byWord('x'))).toEqual([]);
});

test('what overlapping passages and copies repeat is shown once', async () => {
  const texts = ['The invoice is due in May.', 'The  invoice is due in may. And so on.'];
  const found = await extractAnswer(
    'when?',
    texts.map((text) => passage(text)),
    byWord('invoice'),
  );
  expect(found).toHaveLength(1);
});

test('without a model the words decide, and few of them are not enough', async () => {
  const none = async () => undefined;
  const passages = [passage('Half of it.', 0, 0.3), passage('All of it is here.', 0, 0.9)];
  expect(await extractAnswer('q', passages, none)).toMatchObject([
    { passage: 1, text: 'All of it is here.' },
  ]);
});
