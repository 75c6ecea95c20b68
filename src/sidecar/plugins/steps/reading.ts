import type { z } from 'zod';
import type { readingOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin } from '../plugin.ts';
import { countWords } from '../text/words.ts';

/** Silent reading of English non-fiction: 238 words a minute (Brysbaert 2019, a meta-analysis of 190 studies). */
const WORDS_PER_MINUTE = 238;
/** Characters of scripts without spaces: about 260 words of 1.5 characters (the same study, for Chinese). */
const CHARACTERS_PER_MINUTE = 390;

/** Words and the time to read them; every letter of a script without spaces counts as a word. */
export default definePlugin<z.infer<typeof readingOutputSchema>>({
  manifest: {
    name: 'reading',
    version: '1.0.0',
    description:
      'Words, and seconds to read them at 238 words (Chinese, Japanese, Thai: 390 letters) a minute.',
    inputs: ['text', 'metadata'],
    outputs: ['words', 'readingSeconds'],
    mediaTypes: ['*'],
    limits: { milliseconds: 5_000, characters: 1_000_000, outputBytes: 1_000 },
  },
  run({ text, complete, metadata }) {
    const { spaced, unspaced } = countWords(text);
    if (spaced + unspaced === 0) return { skipped: 'There are no words.' };
    const seen = spaced + unspaced;
    // Of a text that is not all here the reader has counted the words.
    const words = complete ? seen : Math.max(seen, metadata?.words ?? 0);
    const minutes = spaced / WORDS_PER_MINUTE + unspaced / CHARACTERS_PER_MINUTE;
    return { output: { words, readingSeconds: Math.max(1, Math.round((minutes * 60 * words) / seen)) } };
  },
});
