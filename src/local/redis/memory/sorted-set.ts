export interface ScoredMember {
  member: string;
  score: number;
}

/** Members by score, then by member; a write costs a binary search and a move of what follows. */
export interface SortedSet {
  readonly size: number;
  score(member: string): number | undefined;
  set(member: string, score: number): void;
  delete(member: string): boolean;
  /** The position from the lowest score, or -1. */
  rank(member: string): number;
  /** The live, ordered array: read it, do not keep or change it. */
  ordered(): readonly ScoredMember[];
}

export function createSortedSet(): SortedSet {
  const scores = new Map<string, number>();
  const order: ScoredMember[] = [];

  const position = (member: string, score: number): number => {
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = order[middle];
      if (at && (at.score < score || (at.score === score && at.member < member))) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const remove = (member: string): boolean => {
    const score = scores.get(member);
    if (score === undefined) return false;
    order.splice(position(member, score), 1);
    return scores.delete(member);
  };

  return {
    get size() {
      return order.length;
    },
    score: (member) => scores.get(member),
    set(member, score) {
      remove(member);
      order.splice(position(member, score), 0, { member, score });
      scores.set(member, score);
    },
    delete: remove,
    rank(member) {
      const score = scores.get(member);
      return score === undefined ? -1 : position(member, score);
    },
    ordered: () => order,
  };
}
