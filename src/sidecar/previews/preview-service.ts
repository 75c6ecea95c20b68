import type { PreviewRequest } from '../../contracts/sidecar.ts';
import type { PreviewLimits } from '../limits.ts';
import type { ObjectSource } from '../object-source.ts';
import { downloadObject } from '../source-file.ts';
import { createTurns } from '../turns.ts';
import type { PreviewOutcome } from './preview.ts';
import type { RendererPool } from './renderer-pool.ts';

export interface PreviewService {
  /** @throws AppError overloaded, or whatever keeps the object from being fetched. */
  preview(request: PreviewRequest, signal: AbortSignal): Promise<PreviewOutcome>;
}

export interface PreviewServiceOptions {
  pool: RendererPool;
  source: ObjectSource;
  limits: PreviewLimits;
}

/** Fetches files and renders previews, a few at a time, beside whatever is being read. */
export function createPreviewService({ pool, source, limits }: PreviewServiceOptions): PreviewService {
  const turns = createTurns(limits.turns, 'Many previews are waiting to be made.');

  async function fetchAndRender(request: PreviewRequest, signal: AbortSignal): Promise<PreviewOutcome> {
    const file = await downloadObject(source, request, limits.downloadMilliseconds, signal);
    try {
      return await pool.render({ path: file.path, width: request.width });
    } finally {
      await file.remove();
    }
  }

  return {
    async preview(request, signal) {
      if (request.size > limits.fileBytes) {
        const reason = `The file is larger than ${Math.round(limits.fileBytes / 1_048_576)} MB, the largest that has a preview.`;
        return { status: 'failed', contentType: 'application/octet-stream', reason };
      }
      return turns(signal, () => fetchAndRender(request, signal));
    },
  };
}
