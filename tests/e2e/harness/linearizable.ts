export interface Timed {
  /** Of one clock, in ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Nobody knows whether it had its effect. */
  readonly isUnknown?: boolean;
}

/**
 * Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory of what was tried: is there an
 * order of the calls that keeps to the clock (what had ended comes before what began later), and in which each call
 * answers as the model does?
 * @param step the state after the call; undefined when the model would have answered otherwise
 * @returns such an order, or undefined
 */
export function linearize<State, Call extends Timed>(
  calls: readonly Call[],
  initial: State,
  step: (state: State, call: Call) => State | undefined,
): Call[] | undefined {
  const tried = new Set<string>();
  const order: Call[] = [];
  const isLeft = calls.map(() => true);

  function search(state: State): boolean {
    const left = calls.filter((_, at) => isLeft[at]);
    if (left.every(({ isUnknown }) => isUnknown)) return true;
    const memory = `${isLeft.map(Number).join('')} ${JSON.stringify(state)}`;
    if (tried.has(memory)) return false;
    tried.add(memory);
    const firstEnd = Math.min(...left.map(({ endedAt, isUnknown }) => (isUnknown ? Infinity : endedAt)));
    const possible = calls.flatMap((call, at) => {
      const next = isLeft[at] && call.startedAt <= firstEnd ? step(state, call) : undefined;
      return next === undefined ? [] : [{ at, call, next }];
    });
    // What leaves the state as it is may as well come now: no order is lost by that.
    const harmless = possible.find(({ next }) => next === state);
    for (const { at, call, next } of harmless ? [harmless] : possible) {
      isLeft[at] = false;
      order.push(call);
      if (search(next)) return true;
      order.pop();
      isLeft[at] = true;
    }
    return false;
  }
  return search(initial) ? order : undefined;
}
