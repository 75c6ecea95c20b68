import { createHash } from 'node:crypto';
import type { EmbeddingCache } from './embedding-cache.ts';

/** Raw vectors of the texts at these places of the call. */
export type Compute = (indexes: readonly number[]) => Promise<Float32Array[]>;

export interface Remembered {
  vectors: Float32Array[];
  /** Texts of the call that nothing was computed for: known, given twice, or under way for another call. */
  hits: number;
}

/**
 * Computes each text once: known ones come from the cache, and those under way from the call that computes them. When
 * that call fails or is given up, the one that joined it computes for itself.
 */
export interface EmbeddingMemory {
  /** @param scope what a vector depends on besides its text; calls of different urgency never wait for each other */
  recall(
    texts: readonly string[],
    scope: { vector: string; urgency: string },
    compute: Compute,
  ): Promise<Remembered>;
}

export function createEmbeddingMemory(cache: EmbeddingCache): EmbeddingMemory {
  const underWay = new Map<string, Promise<Float32Array>>();

  /** Computes, lets others join meanwhile, and keeps the outcome. */
  async function compute(keys: readonly string[], urgency: string, vectorsOf: () => Promise<Float32Array[]>) {
    const outcome = vectorsOf();
    const joinable = new Map<string, Promise<Float32Array>>();
    for (const [n, key] of keys.entries()) {
      const vector = outcome.then((vectors) => at(vectors, n));
      vector.catch(() => undefined);
      joinable.set(`${urgency} ${key}`, vector);
    }
    for (const [name, vector] of joinable) underWay.set(name, vector);
    try {
      const vectors = await outcome;
      for (const [n, key] of keys.entries()) cache.set(key, at(vectors, n));
      return vectors;
    } finally {
      for (const [name, vector] of joinable) if (underWay.get(name) === vector) underWay.delete(name);
    }
  }

  return {
    async recall(texts, { vector: scope, urgency }, computeAt) {
      const keys = texts.map((text) => `${scope} ${hash(text)}`);
      const found = new Map<string, Float32Array>();
      const joined = new Map<string, Promise<Float32Array>>();
      const mine = new Map<string, number>();
      for (const [index, key] of keys.entries()) {
        if (found.has(key) || joined.has(key) || mine.has(key)) continue;
        const known = cache.get(key);
        const other = underWay.get(`${urgency} ${key}`);
        if (known !== undefined) found.set(key, known);
        else if (other !== undefined) joined.set(key, other);
        else mine.set(key, index);
      }
      const take = async (wanted: ReadonlyMap<string, number>) => {
        if (wanted.size === 0) return;
        const vectors = await compute([...wanted.keys()], urgency, () => computeAt([...wanted.values()]));
        for (const [n, key] of [...wanted.keys()].entries()) found.set(key, at(vectors, n));
      };
      await take(mine);
      const orphans = new Map<string, number>();
      for (const [key, other] of joined) {
        await other.then(
          (vector) => found.set(key, vector),
          () => orphans.set(key, keys.indexOf(key)),
        );
      }
      await take(orphans);
      const vectors = keys.map((key) => found.get(key) ?? new Float32Array());
      return { vectors, hits: texts.length - mine.size - orphans.size };
    },
  };
}

function at(vectors: readonly Float32Array[], index: number): Float32Array {
  const vector = vectors[index];
  if (vector === undefined) throw new Error('the model gave too few vectors');
  return vector;
}

// UTF-16, so that texts that differ in a lone surrogate only stay two texts.
const hash = (text: string) => createHash('sha256').update(text, 'utf16le').digest('base64');
