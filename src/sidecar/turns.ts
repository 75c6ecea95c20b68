import { sidecarError } from './problems.ts';

export interface TurnLimits {
  concurrent: number;
  waiting: number;
}

export interface Turns {
  /** Runs work when its turn comes. @throws AppError overloaded */
  <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** A turn, if there is one at once; it is given back by calling it. */
  takeNow(): (() => void) | undefined;
}

/** A few at a time; some more wait in order, and the rest are told to come back. */
export function createTurns({ concurrent, waiting: most }: TurnLimits, detail: string): Turns {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function takeTurn(signal: AbortSignal): Promise<void> {
    if (running < concurrent) {
      running++;
      return;
    }
    if (waiting.length >= most) throw sidecarError('overloaded', { detail, retryAfterSeconds: 10 });
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        waiting.splice(waiting.indexOf(proceed), 1);
        reject(signal.reason);
      };
      const proceed = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(proceed);
    });
  }

  function passTurn(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  async function inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    await takeTurn(signal);
    try {
      return await work();
    } finally {
      passTurn();
    }
  }

  function takeNow(): (() => void) | undefined {
    if (running >= concurrent) return undefined;
    running++;
    return passTurn;
  }

  return Object.assign(inTurn, { takeNow });
}
