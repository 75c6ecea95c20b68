export interface BreakerOptions {
  /** Failures in a row that open the breaker. */
  readonly failures?: number;
  /** How long an open breaker refuses before it lets one call try again. */
  readonly openMs?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Called when it opens, not again while it stays open. */
  readonly onOpen?: () => void;
}

/**
 * A circuit breaker of counters only. Libraries let callers wait for the outcome of the one call that tries again;
 * in workerd that call belongs to another request, so the wait ends in "code had hung", and if its client goes
 * away the outcome never comes. Here nobody waits, and a try without an outcome is followed by another.
 */
export interface Breaker {
  /** False while the dependency is to be left alone. */
  admits(): boolean;
  succeeded(): void;
  failed(): void;
}

export function createBreaker({
  failures = 5,
  openMs = 5_000,
  now = Date.now,
  onOpen,
}: BreakerOptions = {}): Breaker {
  let inARow = 0;
  let nextTryAt = 0;
  return {
    admits() {
      if (inARow < failures) return true;
      if (now() < nextTryAt) return false;
      nextTryAt = now() + openMs;
      return true;
    },
    succeeded() {
      inARow = 0;
    },
    failed() {
      inARow += 1;
      if (inARow === failures) onOpen?.();
      nextTryAt = now() + openMs;
    },
  };
}
