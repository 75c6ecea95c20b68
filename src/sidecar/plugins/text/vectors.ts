type Vector = ArrayLike<number>;

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d] ?? 0) * (b[d] ?? 0);
  return sum;
}

/** Cosine; 0 for vectors of different spaces and for zero vectors. */
export function cosine(a: Vector, b: Vector): number {
  if (a.length !== b.length) return 0;
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

export function meanOf(vectors: readonly Vector[]): Float64Array {
  const mean = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) {
    for (let d = 0; d < mean.length; d++) mean[d] = (mean[d] ?? 0) + (vector[d] ?? 0) / vectors.length;
  }
  return mean;
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** So many decimals as mean anything: the last bits of a vector depend on what it was computed together with. */
export function rounded(value: number, decimals = 3): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
