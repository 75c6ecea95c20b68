import model from 'wink-eng-lite-web-model';
import winkNLP from 'wink-nlp';
import type { z } from 'zod';
import type { sentimentOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin } from '../plugin.ts';
import { isCodeType, isProse, isTableType } from '../text/prose.ts';
import { sentencesOf } from '../text/sentences.ts';
import { rounded } from '../text/vectors.ts';

const FEWEST_WORDS = 30;
/** A part of the text at a time: what a document of the library takes grows with its text. */
const PART_CHARACTERS = 20_000;
/** Nearer to zero than this, a text of some length says neither. */
const NEUTRAL = 0.1;

const nlp = winkNLP(model, ['sbd', 'negation', 'sentiment']);

/** How an English text is disposed, by the words it is made of and the negations before them (AFINN). */
export default definePlugin<z.infer<typeof sentimentOutputSchema>>({
  manifest: {
    name: 'sentiment',
    version: '1.0.0',
    description: 'How English prose is disposed: negative, neutral or positive.',
    inputs: ['text'],
    outputs: ['sentiment', 'label'],
    mediaTypes: ['*'],
    limits: { milliseconds: 10_000, characters: 200_000, outputBytes: 1_000 },
  },
  run({ text, language, contentType }) {
    if (isCodeType(contentType) || isTableType(contentType)) {
      return { skipped: 'Code and tables have no sentiment.' };
    }
    if (language !== 'en') return { skipped: 'Sentiment is known for English only.' };
    if (!isProse(text, 'en', FEWEST_WORDS)) return { skipped: 'There is too little running text.' };
    const sentiment = rounded(sentimentOf(text), 2);
    const label = sentiment > NEUTRAL ? 'positive' : sentiment < -NEUTRAL ? 'negative' : 'neutral';
    return { output: { sentiment, label } };
  },
});

/** Mean of the parts, weighted by their length. */
function sentimentOf(text: string): number {
  let sum = 0;
  let characters = 0;
  for (const part of partsOf(text)) {
    const value = Number(nlp.readDoc(part).out(nlp.its.sentiment));
    sum += (Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0) * part.length;
    characters += part.length;
  }
  return characters === 0 ? 0 : sum / characters;
}

function* partsOf(text: string): Generator<string> {
  let part = '';
  for (const sentence of sentencesOf(text)) {
    if (part !== '' && part.length + sentence.text.length > PART_CHARACTERS) {
      yield part;
      part = '';
    }
    part += ` ${sentence.text}`;
  }
  if (part !== '') yield part;
}
