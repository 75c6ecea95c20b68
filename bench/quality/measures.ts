/** Recall of the first ten: how much of what is relevant they have, of what ten could have. */
export function recallAt10(ranked: readonly string[], relevant: ReadonlySet<string>): number {
  const found = ranked.slice(0, 10).filter((document) => relevant.has(document)).length;
  return relevant.size === 0 ? 0 : found / Math.min(10, relevant.size);
}

/** Normalised discounted cumulative gain of the first ten, with linear gains as trec_eval computes it. */
export function ndcgAt10(ranked: readonly string[], grades: ReadonlyMap<string, number>): number {
  const gain = (values: readonly number[]) =>
    values.slice(0, 10).reduce((sum, grade, rank) => sum + grade / Math.log2(rank + 2), 0);
  const ideal = gain([...grades.values()].toSorted((a, b) => b - a));
  return ideal === 0 ? 0 : gain(ranked.slice(0, 10).map((document) => grades.get(document) ?? 0)) / ideal;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
