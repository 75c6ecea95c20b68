import { type Dependency, DependencyError } from '../../../core/resilience/dependency.ts';
import { WorkLostError } from '../ports/inference.ts';

export interface SidecarOptions {
  readonly sidecarUrl: string;
  readonly serviceToken: () => Promise<string>;
  readonly guard: Dependency;
}

const ALIVE_TIMEOUT_MS = 5_000;
/** It is there, and has no room at the moment, or no way to what it needs. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * Sends work that may be the end of whoever does it. Asks first whether the sidecar is alive: one that was, and is lost
 * over this work, may have been lost because of it, and that has to count against the work.
 * @throws DependencyError when it is away, WorkLostError when it was lost or hung, Error when it refuses
 */
export async function sendWork(
  { sidecarUrl, serviceToken, guard }: SidecarOptions,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<unknown> {
  const alive = await guard.fetch(new URL('/healthz', sidecarUrl).href, {}, { timeoutMs: ALIVE_TIMEOUT_MS });
  await alive.body?.cancel();
  if (!alive.ok) throw new DependencyError('sidecar', `is not well: ${alive.status}`);
  const response = await guard
    .fetch(
      new URL(path, sidecarUrl).href,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${await serviceToken()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      { timeoutMs },
    )
    .catch((cause: unknown) => {
      throw new WorkLostError(`the sidecar was lost over ${path}`, { cause });
    });
  if (response.ok) return response.json();
  await response.body?.cancel();
  if (PASSING.has(response.status))
    throw new DependencyError('sidecar', `${path} answered ${response.status}`);
  throw new Error(`the sidecar answered ${response.status} to ${path}`);
}
