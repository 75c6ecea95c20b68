import type { AnalysisRequest } from '../../contracts/sidecar.ts';
import { chunkText } from '../chunking.ts';

/** A request for steps over a text, in chunks as the sidecar itself makes them. */
export function textRequest(
  text: string,
  steps: string[],
  more: Partial<AnalysisRequest> = {},
): AnalysisRequest {
  return {
    name: 'a.txt',
    contentType: 'text/plain',
    language: 'en',
    metadata: {},
    chunks: chunkText(text),
    complete: true,
    labels: [],
    fields: [],
    steps,
    ...more,
  };
}
