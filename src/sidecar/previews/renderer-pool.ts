import type { PreviewLimits } from '../limits.ts';
import { createProcessPool, type ProcessEnd } from '../process-pool.ts';
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

export function createRendererPool(limits: PreviewLimits): RendererPool {
  const processes = createProcessPool<RendererOrder, RendererMessage>(
    new URL('./renderer-process.ts', import.meta.url),
    { ...limits, idleMebibytes: limits.memoryMebibytes / 4 },
  );

  return {
    async render(job) {
      let contentType = 'application/octet-stream';
      let outcome: PreviewOutcome | undefined;
      const end = await processes.run(
        { job, limits },
        {
          milliseconds: limits.renderMilliseconds,
          onMessage(message) {
            if ('outcome' in message) outcome = message.outcome;
            else contentType = message.contentType;
            return outcome !== undefined;
          },
        },
      );
      return outcome ?? { status: 'failed', contentType, reason: explain(end, limits) };
    },
    close: () => processes.close(),
  };
}

function explain(end: ProcessEnd, limits: PreviewLimits): string {
  if (end === 'too-much-memory') return 'Making the preview needs more memory than is allowed.';
  if (end === 'too-long')
    return `No preview could be made within ${Math.round(limits.renderMilliseconds / 1000)} seconds.`;
  return 'No preview could be made: the renderer stopped unexpectedly.';
}
