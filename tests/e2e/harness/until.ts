import { setTimeout as sleep } from 'node:timers/promises';

export interface Bound {
  readonly withinMs: number;
  readonly everyMs?: number;
  /** Completes the sentence "gave up waiting for …". */
  readonly what: string;
}

/** Asks again until the answer is accepted, at most `withinMs`. The last answer is in the error. */
export async function until<T>(
  ask: () => Promise<T>,
  accept: (answer: T) => boolean,
  { withinMs, everyMs = 100, what }: Bound,
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`gave up waiting for ${what} after ${withinMs} ms; last: ${JSON.stringify(answer)}`);
    await sleep(everyMs);
  }
}
