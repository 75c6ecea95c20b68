import { PREVIEW_HEADERS, previewRequestSchema } from '../../contracts/sidecar.ts';
import type { PreviewService } from '../previews/preview-service.ts';
import { sidecarError } from '../problems.ts';
import { parseBody } from './body.ts';

/** A small picture of one object of the object store, or why there is none. */
export async function previewObject(
  request: Request,
  json: unknown,
  service: PreviewService,
): Promise<Response> {
  const outcome = await service.preview(parseBody(previewRequestSchema, json), request.signal);
  const headers = { [PREVIEW_HEADERS.sourceType]: outcome.contentType };
  switch (outcome.status) {
    case 'unsupported':
      throw sidecarError('preview_unsupported', {
        detail: `There are no previews of ${outcome.contentType}.`,
        headers,
      });
    case 'failed':
      throw sidecarError('preview_failed', { detail: outcome.reason, headers });
    case 'made': {
      const { bytes, width, height } = outcome.picture;
      return new Response(new Uint8Array(bytes), {
        headers: {
          ...headers,
          'content-type': 'image/webp',
          [PREVIEW_HEADERS.width]: String(width),
          [PREVIEW_HEADERS.height]: String(height),
        },
      });
    }
  }
}
