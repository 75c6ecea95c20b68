import { readResponseSchema } from '../../../contracts/sidecar.ts';
import type { DocumentReader } from '../ports/inference.ts';
import { type SidecarOptions, sendWork } from './sidecar-calls.ts';

/** A little more than the sidecar's own limit for one document. */
const TIMEOUT_MS = 180_000;

export function createSidecarReader(options: SidecarOptions): DocumentReader {
  return {
    async read(request) {
      return readResponseSchema.parse(await sendWork(options, '/v1/read', request, TIMEOUT_MS));
    },
  };
}
