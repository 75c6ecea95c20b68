import { nameKey, numberedName } from '../models/names.ts';
import type { Naming } from '../ports/entries.ts';

/** How many names are tried, one round after the other. */
const ROUNDS = [1, 50, 1_000, 5_000] as const;

/** What to call something, in rounds: when none of the names of one is free, the next has more. */
export interface NamingAttempts {
  readonly rounds: number;
  of(round: number): Promise<Naming>;
}

/**
 * @param name undefined keeps the name that it has
 * @param ownName reads that name
 */
export function createNaming(
  name: string | undefined,
  conflict: 'fail' | 'rename' | 'replace',
  ownName: () => Promise<string> = async () => '',
): NamingAttempts {
  const kept = (names: readonly string[] | null, madeOf: string | null): Naming => ({
    candidates: names?.map((each) => ({ name: each, nameKey: nameKey(each) })) ?? null,
    replace: conflict === 'replace',
    madeOf,
  });
  const asIs = kept(name === undefined ? null : [name], null);
  if (conflict !== 'rename') return { rounds: 1, of: async () => asIs };
  return {
    rounds: ROUNDS.length,
    async of(round) {
      if (round === 0) return asIs;
      const own = name ?? (await ownName());
      const [from, to] = [ROUNDS[round - 1] ?? 1, ROUNDS[round] ?? 1];
      const numbered = Array.from({ length: to - from }, (_, index) => numberedName(own, from + 1 + index));
      // Of the name itself too: it may have become free by now.
      return kept([own, ...numbered], name === undefined ? own : null);
    },
  };
}
