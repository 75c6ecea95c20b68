import type { Similarity } from '../ports/ask.ts';
import type { Embedder } from '../ports/inference.ts';

/** Cosines by the embedding model; vectors have length 1. */
export function createSimilarity(embedder: Embedder): Similarity {
  return async (question, texts) => {
    try {
      const [asked, compared] = await Promise.all([
        embedder.embed([question], { priority: 'interactive' }),
        embedder.embed(texts, { priority: 'interactive', role: 'document' }),
      ]);
      if (asked.model !== compared.model) return undefined;
      const wanted = asked.vectors[0] ?? [];
      return compared.vectors.map((vector) =>
        vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0),
      );
    } catch {
      return undefined;
    }
  };
}
