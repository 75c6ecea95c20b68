import { readResponseSchema } from '../../../contracts/sidecar.ts';
import { type Dependency, DependencyError } from '../../../core/resilience/dependency.ts';
import type { DocumentReader } from '../ports/inference.ts';

export interface ReaderOptions {
  readonly sidecarUrl: string;
  readonly serviceToken: () => Promise<string>;
  readonly guard: Dependency;
}

/** A little more than the sidecar's own limit for one document. */
const TIMEOUT_MS = 180_000;

export function createSidecarReader({ sidecarUrl, serviceToken, guard }: ReaderOptions): DocumentReader {
  return {
    async read(request) {
      const response = await guard.fetch(
        new URL('/v1/read', sidecarUrl).href,
        {
          method: 'POST',
          headers: { authorization: `Bearer ${await serviceToken()}`, 'content-type': 'application/json' },
          body: JSON.stringify(request),
        },
        { timeoutMs: TIMEOUT_MS },
      );
      if (!response.ok) {
        await response.body?.cancel();
        throw new DependencyError('sidecar', `reading answered ${response.status}`);
      }
      return readResponseSchema.parse(await response.json());
    },
  };
}
