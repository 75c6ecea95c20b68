export type Priority = 'interactive' | 'batch';

/** The processor cores, shared by every model: each lane computes on one thread, and no more lanes run than there are cores. */
export interface Cores {
  readonly count: number;
  /** Calls `start` as soon as a core is free, interactive work first, else in order of asking; `release` frees it. */
  request(priority: Priority, start: (release: () => void) => void): void;
}

export function createCores(count: number): Cores {
  const waiting: Record<Priority, ((release: () => void) => void)[]> = { interactive: [], batch: [] };
  let free = count;

  function pump(): void {
    while (free > 0) {
      const start = waiting.interactive.shift() ?? waiting.batch.shift();
      if (start === undefined) return;
      free--;
      start(
        once(() => {
          free++;
          pump();
        }),
      );
    }
  }

  return {
    count,
    request(priority, start) {
      waiting[priority].push(start);
      pump();
    },
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
