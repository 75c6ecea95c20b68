import { type Bounds, type PluginThread, startPluginThread, type ThreadLimits } from './plugin-thread.ts';
import type { Calls, Settled, ToThread } from './protocol.ts';

export interface ThreadPool {
  /** @throws the signal's reason */
  run(job: Extract<ToThread, { kind: 'describe' | 'run' }>, calls: Calls, bounds: Bounds): Promise<Settled>;
  close(): Promise<void>;
}

/** A fresh thread now and then forgets what libraries leak. */
const JOBS_PER_THREAD = 500;
const IDLE_THREADS = 2;

/** Threads of one plugin, or of all built-in ones: reused while they behave. The caller bounds concurrency. */
export function createThreadPool(limits: ThreadLimits): ThreadPool {
  const idle: PluginThread[] = [];
  const busy = new Set<PluginThread>();
  let closed = false;
  return {
    async run(job, calls, bounds) {
      const thread = idle.pop() ?? startPluginThread(limits);
      busy.add(thread);
      let usable = false;
      try {
        const outcome = await thread.run(job, calls, bounds);
        usable = outcome.usable && thread.jobs < JOBS_PER_THREAD && idle.length < IDLE_THREADS && !closed;
        return outcome.settled;
      } finally {
        busy.delete(thread);
        if (usable) idle.push(thread);
        else await thread.close();
      }
    },
    /** Ends idle threads; busy ones end with their job. */
    async close() {
      closed = true;
      await Promise.all(idle.splice(0).map((thread) => thread.close()));
    },
  };
}
