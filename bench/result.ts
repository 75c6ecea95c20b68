/** One row of the table. */
export interface BenchResult {
  readonly name: string;
  readonly ours: number;
  /** What a user would pick instead, measured in the same run, in turns with ours. Absent: `ours` stands alone. */
  readonly reference?: number;
  readonly unit: string;
  /** `ratio` is ours divided by reference. Absent: the row is context. */
  readonly aim?:
    | { readonly of: 'ratio' | 'ours'; readonly atLeast: number }
    | { readonly of?: 'ratio'; readonly atMost: number };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = low] = sorted.slice(
    sorted.length % 2 === 0 ? middle - 1 : middle,
    middle + 1,
  );
  return (low + high) / 2;
}

/**
 * Runs the contestants in turns, so that whatever else the machine does meets all of them alike. The first round
 * warms up and does not count.
 * @returns the median of each, in the order given.
 */
export async function inTurns(
  rounds: number,
  contestants: readonly (() => Promise<number>)[],
): Promise<number[]> {
  const figures: number[][] = contestants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, contestant] of contestants.entries()) {
      const figure = await contestant();
      if (round > 0) figures[index]?.push(figure);
    }
  }
  return figures.map(median);
}
