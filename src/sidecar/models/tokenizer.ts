import { setImmediate } from 'node:timers/promises';
import { AutoTokenizer } from '@huggingface/transformers';
import type { EmbeddingModel } from './registry.ts';

export type TruncationDirection = 'left' | 'right';

export interface TokenizeOptions {
  /** False refuses a text that is too long instead of cutting it. */
  truncate: boolean;
  direction: TruncationDirection;
}

export interface Tokenizer {
  /**
   * Token ids of each text with the model's special tokens, at most `maxTokens` long.
   * @throws TextTooLongError when `truncate` is false and a text does not fit; the signal's reason.
   */
  tokenize(texts: readonly string[], options: TokenizeOptions, signal?: AbortSignal): Promise<Int32Array[]>;
}

/** A text has more tokens than the model takes. */
export class TextTooLongError extends Error {
  override name = 'TextTooLongError';
  readonly index: number;
  readonly tokens: number;
  readonly maxTokens: number;

  constructor(index: number, tokens: number, maxTokens: number) {
    super(`inputs[${index}] has ${tokens} tokens; the model takes ${maxTokens}.`);
    this.index = index;
    this.tokens = tokens;
    this.maxTokens = maxTokens;
  }

  /** The same of a text that its caller counts otherwise. */
  at(index: number): TextTooLongError {
    return new TextTooLongError(index, this.tokens, this.maxTokens);
  }
}

/** How long one call may hold the event loop before others get their turn. */
const SLICE_MS = 8;

export async function loadTokenizer(folder: string, model: EmbeddingModel): Promise<Tokenizer> {
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true });
  const { maxTokens } = model;

  function encode(text: string, index: number, options: TokenizeOptions): Int32Array {
    const cutEarly = options.truncate && options.direction === 'right';
    const ids = Int32Array.from(tokenizer.encode(cutEarly ? firstWords(text, maxTokens) : text));
    if (ids.length <= maxTokens) return ids;
    if (!options.truncate) throw new TextTooLongError(index, ids.length, maxTokens);
    // The special tokens at both ends stay: [CLS] … [SEP].
    const body = maxTokens - 1;
    const kept = new Int32Array(maxTokens);
    if (options.direction === 'right') {
      kept.set(ids.subarray(0, body));
      kept.set(ids.subarray(-1), body);
    } else {
      kept.set(ids.subarray(0, 1));
      kept.set(ids.subarray(-body), 1);
    }
    return kept;
  }

  return {
    async tokenize(texts, options, signal) {
      const sequences: Int32Array[] = [];
      let sliceStart = performance.now();
      for (const [index, text] of texts.entries()) {
        if (performance.now() - sliceStart > SLICE_MS) {
          await setImmediate();
          signal?.throwIfAborted();
          sliceStart = performance.now();
        }
        sequences.push(encode(text, index, options));
      }
      return sequences;
    },
  };
}

/** A word is at least one token, so whatever follows `count` words is cut anyway: do not tokenise it first. */
function firstWords(text: string, count: number): string {
  if (text.length <= count * 8) return text;
  const words = /\S+\s*/g;
  for (let n = 0; n < count; n++) if (!words.test(text)) return text;
  return text.slice(0, words.lastIndex);
}
