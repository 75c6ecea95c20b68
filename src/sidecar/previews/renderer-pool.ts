import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { PreviewLimits } from '../limits.ts';
import type { PreviewJob, PreviewOutcome } from './preview.ts';
import type { RendererMessage, RendererOrder } from './renderer-process.ts';

export interface RendererPool {
  /**
   * Renders a file in a process of its own. Never rejects for what the file does: crashing the process, or running
   * out of memory or time, is a `failed` outcome. Rejects when no process can be started.
   */
  render(job: PreviewJob): Promise<PreviewOutcome>;
  close(): Promise<void>;
}

/** Native libraries leak a little; a fresh process now and then costs 0.3 s and forgets it all. */
const RENDERS_PER_PROCESS = 100;
const MEMORY_CHECK_MS = 50;
const TOO_MUCH_MEMORY = 'Making the preview needs more memory than is allowed.';

interface Renderer {
  child: ChildProcess;
  renders: number;
}

/**
 * Processes and not threads, because sharp and the canvas are native: their memory is in no heap that V8 could bound,
 * and their crash would be the crash of every thread. Processes are reused while files behave, and killed when one does
 * not. The caller bounds concurrency.
 */
export function createRendererPool(limits: PreviewLimits): RendererPool {
  const idle: Renderer[] = [];
  const busy = new Set<Renderer>();

  return {
    async render(job) {
      let renderer = idle.pop();
      // Somebody else may have ended one that waited.
      while (renderer !== undefined && !renderer.child.connected) renderer = idle.pop();
      renderer ??= { child: start(limits), renders: 0 };
      const { child } = renderer;
      busy.add(renderer);
      try {
        const outcome = await runOn(child, { job, limits });
        renderer.renders++;
        if (outcome.isSpent || renderer.renders >= RENDERS_PER_PROCESS) child.kill('SIGKILL');
        // What a large file leaves behind must not be held against the next one.
        else if ((await residentMebibytes(child.pid)) > limits.memoryMebibytes / 4) child.kill('SIGKILL');
        else idle.push(renderer);
        return outcome.preview;
      } finally {
        busy.delete(renderer);
      }
    },
    async close() {
      for (const { child } of [...idle.splice(0), ...busy]) child.kill('SIGKILL');
    },
  };
}

/** Without an environment: a hostile file that gets that far finds no secret. */
function start(limits: PreviewLimits): ChildProcess {
  const child = fork(new URL('./renderer-process.ts', import.meta.url), [], {
    env: {},
    execArgv: [`--max-old-space-size=${limits.heapMebibytes}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // Heard by whoever waits for it; between two jobs nobody does.
  child.on('error', () => undefined);
  return child;
}

function runOn(
  child: ChildProcess,
  order: RendererOrder,
): Promise<{ preview: PreviewOutcome; isSpent: boolean }> {
  const { renderMilliseconds, memoryMebibytes } = order.limits;
  return new Promise((resolve, reject) => {
    let contentType = 'application/octet-stream';
    const stop = () => {
      clearTimeout(timer);
      clearInterval(watch);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
    };
    const settle = (preview: PreviewOutcome, isSpent: boolean) => {
      stop();
      resolve({ preview, isSpent });
    };
    const fail = (reason: string) => settle({ status: 'failed', contentType, reason }, true);
    const onMessage = (message: RendererMessage) => {
      if ('outcome' in message) settle(message.outcome, false);
      else contentType = message.contentType;
    };
    const onExit = () => fail('No preview could be made: the renderer stopped unexpectedly.');
    const onError = (error: Error) => {
      stop();
      reject(error);
    };
    const seconds = Math.round(renderMilliseconds / 1000);
    const timer = setTimeout(
      () => fail(`No preview could be made within ${seconds} seconds.`),
      renderMilliseconds,
    );
    const watch = setInterval(async () => {
      if ((await residentMebibytes(child.pid)) > memoryMebibytes) fail(TOO_MUCH_MEMORY);
    }, MEMORY_CHECK_MS);
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
    child.send(order, () => undefined);
  });
}

/** All memory of the process, native included, as Linux counts it; elsewhere pixels, heap and time are the bounds. */
async function residentMebibytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
