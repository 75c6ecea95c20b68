import { metrics } from '../telemetry/metrics.ts';
import { currentTraceparent, withClientSpan } from '../telemetry/tracer.ts';
import { type BreakerOptions, createBreaker } from './breaker.ts';

export type DependencyName =
  | 'postgres'
  | 'redis'
  | 's3'
  | 'sidecar'
  | 'auth'
  | 'storage'
  | 'ai'
  | 'identity-provider'
  | 'email'
  | 'breach-lookup'
  | 'dns'
  | 'provider';

/** A dependency that did not answer, answered with a fault of its own, or is being left alone for a while. */
export class DependencyError extends Error {
  override name = 'DependencyError';
  readonly dependency: DependencyName;

  constructor(dependency: DependencyName, message: string, cause?: unknown) {
    super(`${dependency}: ${message}`, { cause });
    this.dependency = dependency;
  }
}

export interface DependencyOptions extends BreakerOptions {
  readonly timeoutMs: number;
}

export interface FetchOptions {
  readonly timeoutMs?: number;
  /** The time-out covers the body too, which is read into memory: for short answers of known size. */
  readonly wholeAnswer?: boolean;
  /**
   * The body comes from a client who may break it off, and the runtime does not tell whose fault a broken
   * connection was: only answers count for the breaker, or five aborted uploads would close the store to all.
   */
  readonly bodyFromClient?: boolean;
}

/**
 * Guards the calls to one dependency: a time-out for each and a circuit breaker over all. It never retries:
 * only the caller knows what is repeatable.
 */
export interface Dependency {
  /** @throws DependencyError when the call times out, throws, or the breaker is open. */
  call<T>(
    operation: (signal: AbortSignal) => Promise<T>,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<T>;
  /** `fetch` under the guard; a 5xx answer counts as a failure of the dependency but is returned. */
  fetch(input: string, init?: RequestInit, options?: FetchOptions): Promise<Response>;
}

export function createDependency(name: DependencyName, options: DependencyOptions): Dependency {
  const breaker = createBreaker({
    ...options,
    onOpen: () => metrics.count('acs_breaker_opened_total', { dependency: name }),
  });

  function measure(outcome: 'ok' | 'error' | 'aborted', startedAt: number): void {
    metrics.count('acs_dependency_calls_total', { dependency: name, outcome });
    metrics.observe('acs_dependency_call_duration_seconds', { dependency: name }, Date.now() - startedAt);
  }

  async function guard<T>(
    operation: () => Promise<T>,
    isFailure: (result: T) => boolean,
    isItsFault: (error: unknown) => boolean,
  ): Promise<T> {
    if (!breaker.admits()) {
      metrics.count('acs_dependency_calls_total', { dependency: name, outcome: 'rejected' });
      throw new DependencyError(name, 'left alone after repeated failures');
    }
    const startedAt = Date.now();
    try {
      const result = await withClientSpan(name, { 'peer.service': name }, async (span) => {
        const answer = await operation();
        if (isFailure(answer)) span.describe(name, {}, true);
        return answer;
      });
      const failed = isFailure(result);
      if (failed) breaker.failed();
      else breaker.succeeded();
      measure(failed ? 'error' : 'ok', startedAt);
      return result;
    } catch (error) {
      const failed = isItsFault(error);
      if (failed) breaker.failed();
      measure(failed ? 'error' : 'aborted', startedAt);
      throw asDependencyError(name, error);
    }
  }

  return {
    call(operation, { timeoutMs = options.timeoutMs, signal } = {}) {
      const timeout = AbortSignal.timeout(timeoutMs);
      const combined = signal ? AbortSignal.any([timeout, signal]) : timeout;
      return guard(
        () => operation(combined),
        () => false,
        (error) => !isCallersAbort(error),
      );
    },
    fetch(
      input,
      init = {},
      { timeoutMs = options.timeoutMs, wholeAnswer = false, bodyFromClient = false } = {},
    ) {
      return guard(
        () => fetchWithin(timeoutMs, input, OURS.has(name) ? withTraceparent(init) : init, wholeAnswer),
        (response) => response.status >= 500,
        (error) => !bodyFromClient && !isCallersAbort(error),
      );
    },
  };
}

/** Strangers are not told of our traces. */
const OURS: ReadonlySet<DependencyName> = new Set(['postgres', 's3', 'sidecar']);

function withTraceparent(init: RequestInit): RequestInit {
  const traceparent = currentTraceparent();
  if (traceparent === undefined) return init;
  const headers = new Headers(init.headers);
  headers.set('traceparent', traceparent);
  return { ...init, headers };
}

/** Without `wholeAnswer` the time-out ends with the response head; the body belongs to whoever reads it. */
async function fetchWithin(
  timeoutMs: number,
  input: string,
  init: RequestInit,
  wholeAnswer: boolean,
): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const signal = init.signal ? AbortSignal.any([controller.signal, init.signal]) : controller.signal;
  try {
    const response = await fetch(input, { ...init, signal });
    if (!wholeAnswer || response.body === null) return response;
    return new Response(await response.arrayBuffer(), response);
  } finally {
    clearTimeout(timer);
  }
}

function asDependencyError(name: DependencyName, error: unknown): DependencyError {
  if (error instanceof DependencyError) return error;
  return new DependencyError(name, error instanceof Error ? error.message : 'failed', error);
}

/** A client that went away says nothing about the dependency. */
function isCallersAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
