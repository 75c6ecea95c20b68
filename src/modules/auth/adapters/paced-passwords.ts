import { authError } from '../errors.ts';
import type { Passwords } from '../ports/accounts.ts';

export interface PaceOptions {
  /** How many derivations may begin in a second, in this isolate. */
  readonly perSecond: number;
  readonly longestWaitMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * Lets derivations begin one after another with a gap between them. workerd derives within the call, a quarter of a
 * second during which nobody else in the isolate gets an answer; without the gaps, eight people who sign in at once
 * would hold up everybody else for all eight. Each waits for a time of its own and not for another one's promise, which in
 * workerd no request may (decision 0010).
 *
 * @throws AppError `sign_in_busy` when the wait would be longer than `longestWaitMs`
 */
export function createPacedPasswords(passwords: Passwords, options: PaceOptions): Passwords {
  const { perSecond, longestWaitMs, now, sleep } = options;
  const shareMs = 1_000 / perSecond;
  const gapMs = shareMs / 3;
  let nextTurnAt = 0;
  let freeAt = 0;

  async function inTurn<T>(derive: () => Promise<T>): Promise<T> {
    const arrivedAt = now();
    // Further ahead than anybody may wait it is only when the clock was set back: then it means nothing.
    if (nextTurnAt > arrivedAt + longestWaitMs + shareMs) nextTurnAt = arrivedAt;
    const turnAt = Math.max(arrivedAt, nextTurnAt);
    if (turnAt > arrivedAt + longestWaitMs) {
      throw authError('sign_in_busy', {
        detail: 'Try again in a few seconds.',
        retryAfterSeconds: Math.ceil(longestWaitMs / 1_000),
      });
    }
    nextTurnAt = turnAt + shareMs;
    if (turnAt > arrivedAt) await sleep(turnAt - arrivedAt);
    // On a slow machine the one before took longer than its share; the others get their gap all the same.
    const gapLeftMs = freeAt - now();
    if (gapLeftMs > 0 && gapLeftMs <= gapMs) await sleep(gapLeftMs);
    const result = await derive();
    freeAt = now() + gapMs;
    return result;
  }

  return {
    hash: (password) => inTurn(() => passwords.hash(password)),
    verify: (password, hash) => inTurn(() => passwords.verify(password, hash)),
    isOutdated: (hash) => passwords.isOutdated(hash),
  };
}
