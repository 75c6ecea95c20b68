import type { PreviewLimits } from '../limits.ts';
import { endWithParent } from '../process-lifeline.ts';
import { makePreview } from './make-preview.ts';
import type { PreviewJob, PreviewOutcome } from './preview.ts';

/** One rendering process: a hostile file takes down this process and nothing else. */

export interface RendererOrder {
  job: PreviewJob;
  limits: PreviewLimits;
}
export type RendererMessage = { contentType: string } | { outcome: PreviewOutcome };

const send = (message: RendererMessage) => process.send?.(message);

process.on('message', async ({ job, limits }: RendererOrder) => {
  // What makePreview throws is a defect: the process ends, and the parent says that it stopped.
  send({ outcome: await makePreview(job, limits, (contentType) => send({ contentType })) });
});
endWithParent();
