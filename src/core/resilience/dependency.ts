import type { CircuitBreakerPolicy } from 'cockatiel';

export type DependencyName = 'postgres' | 'redis' | 's3' | 'sidecar' | 'auth' | 'storage' | 'ai';

/** A dependency that did not answer, answered with a fault of its own, or is being left alone for a while. */
export class DependencyError extends Error {
  override name = 'DependencyError';
  readonly dependency: DependencyName;

  constructor(dependency: DependencyName, message: string, cause?: unknown) {
    super(`${dependency}: ${message}`, { cause });
    this.dependency = dependency;
  }
}

export interface DependencyOptions {
  readonly timeoutMs: number;
  /** Failures in a row that open the breaker. */
  readonly failures?: number;
  /** How long the breaker stays open before one call may try again. */
  readonly openMs?: number;
}

export interface FetchOptions {
  readonly timeoutMs?: number;
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
  let created: Promise<Breaker> | undefined;
  const breaker = () => {
    created ??= createBreaker(options);
    return created;
  };

  const call: Dependency['call'] = async (operation, { timeoutMs = options.timeoutMs, signal } = {}) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const combined = signal ? AbortSignal.any([timeout, signal]) : timeout;
    try {
      return await (await breaker()).execute(() => operation(combined));
    } catch (error) {
      throw asDependencyError(name, error);
    }
  };

  return {
    call,
    fetch: async (input, init = {}, fetchOptions = {}) =>
      guardedFetch(name, await breaker(), input, init, { timeoutMs: options.timeoutMs, ...fetchOptions }),
  };
}

type Breaker = Pick<CircuitBreakerPolicy, 'execute'>;

/**
 * Loaded at first use: cockatiel aborts a controller while it is evaluated, and workerd forbids that outside of
 * a request.
 */
async function createBreaker({ openMs, failures }: DependencyOptions): Promise<Breaker> {
  const { circuitBreaker, ConsecutiveBreaker, handleWhen } = await import('cockatiel');
  return circuitBreaker(
    handleWhen((error) => !(error instanceof Blameless || isCallersAbort(error))),
    { halfOpenAfter: openMs ?? 5_000, breaker: new ConsecutiveBreaker(failures ?? 5) },
  );
}

class Blameless extends Error {}

class ServerFault extends Error {
  readonly response: Response;
  constructor(response: Response) {
    super(`answered ${response.status}`);
    this.response = response;
  }
}

/** The time-out covers the wait for the response head; the body belongs to whoever reads it. */
async function guardedFetch(
  name: DependencyName,
  breaker: Breaker,
  input: string,
  init: RequestInit,
  { timeoutMs, bodyFromClient = false }: FetchOptions & { timeoutMs: number },
): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const signal = init.signal ? AbortSignal.any([controller.signal, init.signal]) : controller.signal;
  try {
    return await breaker.execute(async () => {
      const response = await fetch(input, { ...init, signal }).catch((error: unknown) => {
        throw bodyFromClient ? new Blameless('the connection broke', { cause: error }) : error;
      });
      if (response.status >= 500) throw new ServerFault(response);
      return response;
    });
  } catch (error) {
    if (error instanceof ServerFault) return error.response;
    throw asDependencyError(name, error);
  } finally {
    clearTimeout(timer);
  }
}

function asDependencyError(name: DependencyName, error: unknown): DependencyError {
  if (error instanceof DependencyError) return error;
  if (error instanceof Error && 'isBrokenCircuitError' in error)
    return new DependencyError(name, 'left alone after repeated failures', error);
  return new DependencyError(name, error instanceof Error ? error.message : 'failed', error);
}

/** A client that went away says nothing about the dependency. */
function isCallersAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
