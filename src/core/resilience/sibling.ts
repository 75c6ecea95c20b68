import type { Fetcher } from '../config/config.ts';
import { currentTraceparent, withClientSpan } from '../telemetry/tracer.ts';
import { DependencyError, type DependencyName } from './dependency.ts';

const TIMEOUT_MS = 10_000;

/**
 * Calls another module through its binding. Returns its answer when that is 2xx or 404, which is for the caller to
 * understand.
 * @throws DependencyError when it does not answer in time, or with anything else.
 */
export async function callSibling(
  name: DependencyName,
  binding: Fetcher,
  path: string,
  init: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Response> {
  const request = new Request(new URL(path, `http://${name}`), {
    ...init,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const response = await withClientSpan(name, { 'peer.service': name }, () => {
    const traceparent = currentTraceparent();
    if (traceparent !== undefined) request.headers.set('traceparent', traceparent);
    return binding.fetch(request);
  }).catch((cause: unknown) => {
    throw new DependencyError(name, 'did not answer', cause);
  });
  if (response.ok || response.status === 404) return response;
  await response.body?.cancel();
  throw new DependencyError(name, `${request.method} answered ${response.status}`);
}
