/** Vectors that were computed before, as the model gave them; the least recently used go first. */
export interface EmbeddingCache {
  get(key: string): Float32Array | undefined;
  set(key: string, vector: Float32Array): void;
  readonly bytes: number;
}

/** What the map and the strings around a vector take, about. */
const ENTRY_BYTES = 200;

/** @param limitBytes 0 keeps nothing */
export function createEmbeddingCache(limitBytes: number): EmbeddingCache {
  const vectors = new Map<string, Float32Array>();
  let bytes = 0;
  const costOf = (vector: Float32Array) => vector.byteLength + ENTRY_BYTES;

  function remove(key: string): void {
    const vector = vectors.get(key);
    if (vector === undefined) return;
    vectors.delete(key);
    bytes -= costOf(vector);
  }

  return {
    get bytes() {
      return bytes;
    },
    get(key) {
      const vector = vectors.get(key);
      if (vector !== undefined) {
        vectors.delete(key);
        vectors.set(key, vector);
      }
      return vector;
    },
    set(key, vector) {
      remove(key);
      if (costOf(vector) > limitBytes) return;
      vectors.set(key, vector);
      bytes += costOf(vector);
      for (const oldest of vectors.keys()) {
        if (bytes <= limitBytes) break;
        remove(oldest);
      }
    },
  };
}
