import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';

export interface ProcessLimits {
  /** JavaScript heap of a process. */
  heapMebibytes: number;
  /** Everything a process has in memory: what native libraries take is in no heap. */
  memoryMebibytes: number;
  /** What it may keep after a job; one that keeps more is not used again. */
  idleMebibytes: number;
}

export interface ProcessTask<Message> {
  milliseconds: number;
  /** Ends the process in the middle of its work. */
  signal?: AbortSignal;
  /** Hears everything that the process says, and may say something back; the job is over when it answers true. */
  onMessage(message: Message, reply: (answer: object) => void): boolean;
}

/** How a job ended: `done` by its own word; `stopped` when the process did, for whatever reason. */
export type ProcessEnd = 'done' | 'stopped' | 'too-long' | 'too-much-memory';

export interface ProcessPool<Order, Message> {
  /** Never rejects for what a file does to the process. Rejects when no process can be started. */
  run(order: Order, task: ProcessTask<Message>): Promise<ProcessEnd>;
  /** Resolves when all processes are gone; what they were doing is `stopped`, and so is whatever comes later. */
  close(): Promise<void>;
}

/** Native libraries leak a little; a fresh process now and then costs 0.3 s and forgets it all. */
const JOBS_PER_PROCESS = 100;
const MEMORY_CHECK_MS = 50;

interface Hand {
  child: ChildProcess;
  jobs: number;
}

/**
 * Processes and not threads: memory of native libraries is in no heap that V8 could bound, V8 aborts its whole process
 * when a large allocation meets the limit of a heap, and a crash is the crash of every thread. Processes are reused while
 * files behave, and killed when one does not. The caller bounds concurrency.
 * @param file the program of a process: hears orders, sends messages, and calls `endWithParent`.
 */
export function createProcessPool<Order extends object, Message>(
  file: URL,
  limits: ProcessLimits,
): ProcessPool<Order, Message> {
  const idle: Hand[] = [];
  const busy = new Set<Hand>();
  let isClosed = false;

  return {
    async run(order, task) {
      if (isClosed) return 'stopped';
      let hand = idle.pop();
      // Somebody else may have ended one that waited.
      while (hand !== undefined && !hand.child.connected) hand = idle.pop();
      hand ??= { child: start(file, limits), jobs: 0 };
      const { child } = hand;
      busy.add(hand);
      try {
        const end = await runOn(child, order, task, limits);
        hand.jobs++;
        if (end !== 'done' || hand.jobs >= JOBS_PER_PROCESS) child.kill('SIGKILL');
        // What a large file leaves behind must not be held against the next one.
        else if ((await residentMebibytes(child.pid)) > limits.idleMebibytes) child.kill('SIGKILL');
        else idle.push(hand);
        return end;
      } finally {
        busy.delete(hand);
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...idle.splice(0), ...busy].map(({ child }) => end(child)));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  // One that could not be started has no number, and will not exit.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Without an environment: a hostile file that gets that far finds no secret. */
function start(file: URL, limits: ProcessLimits): ChildProcess {
  const child = fork(file, [String(process.pid)], {
    env: {},
    execArgv: [`--max-old-space-size=${limits.heapMebibytes}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // Heard by whoever waits for it; between two jobs nobody does.
  child.on('error', () => undefined);
  // When memory of the whole machine is short, Linux ends these first.
  writeFile(`/proc/${child.pid}/oom_score_adj`, '1000').catch(() => undefined);
  return child;
}

function runOn<Order extends object, Message>(
  child: ChildProcess,
  order: Order,
  { milliseconds, signal, onMessage }: ProcessTask<Message>,
  limits: ProcessLimits,
): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', onStop);
      child.off('message', hear).off('exit', onExit).off('error', onError);
    };
    const settle = (end: ProcessEnd) => {
      stop();
      resolve(end);
    };
    const hear = (message: unknown) => {
      // The program of the pool says nothing else.
      if (onMessage(message as Message, reply)) settle('done');
    };
    const reply = (answer: object) => void (child.connected && child.send(answer, () => undefined));
    const onStop = () => settle('stopped');
    // V8 ends its process so when the heap is full.
    const onExit = (_: number | null, by: string | null) =>
      settle(by === 'SIGABRT' ? 'too-much-memory' : 'stopped');
    const onError = (error: Error) => {
      stop();
      reject(error);
    };
    const timer = setTimeout(() => settle('too-long'), milliseconds);
    const watch = setInterval(async () => {
      if ((await residentMebibytes(child.pid)) > limits.memoryMebibytes) settle('too-much-memory');
    }, MEMORY_CHECK_MS);
    child.on('message', hear).on('exit', onExit).on('error', onError);
    if (signal?.aborted) return onStop();
    signal?.addEventListener('abort', onStop, { once: true });
    child.send(order, () => undefined);
  });
}

/** All memory of the process, native included, as Linux counts it; elsewhere pixels, heap and time are the bounds. */
async function residentMebibytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
