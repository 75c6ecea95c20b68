import { modelTaskSchema } from '../../../contracts/sidecar.ts';
import { createDependency, type Dependency, DependencyError } from '../../../core/resilience/dependency.ts';
import type { ProviderConfig, ProviderTask } from '../models/providers.ts';
import { ModelUnavailableError } from '../ports/inference.ts';

export interface Provider {
  readonly name: string;
  readonly task: ProviderTask;
  readonly url: string;
  readonly dependency: 'sidecar' | 'provider';
  readonly model: string | undefined;
  /** Of one model, where the provider has several. */
  endpointOf(model: string | undefined): string;
  readonly timeoutMs: number;
  /** True when the time-out is the operator's word, which is not to be exceeded. */
  readonly hasOwnTimeout: boolean;
  readonly token: () => Promise<string | undefined>;
  /** Of one model: a model that cannot be loaded says nothing about the others of the same provider. */
  guardOf(model: string | undefined): Dependency;
}

export interface Providers {
  /** Those of a task in their order; with a model, those that have it. */
  of(task: ProviderTask, model?: string): readonly Provider[];
  /**
   * Asks one after the other until one answers; the name of that one comes with its answer. A call that failed for a
   * passing reason is repeated once before the next one is asked: inference changes nothing, so it is repeatable.
   * `withinMs` is for all of them together; each call gets its share of what is left.
   * @throws ModelUnavailableError, DependencyError of the last one that waiting may mend, else what the last one threw
   */
  ask<T>(
    task: ProviderTask,
    model: string | undefined,
    call: (provider: Provider, timeoutMs: number) => Promise<T>,
    options: AskOptions,
  ): Promise<{ readonly value: T; readonly provider: string }>;
}

export interface AskOptions {
  readonly withinMs: number;
  readonly attempts?: number;
  /** Nobody gets all the time while others are left to be asked: for whoever would rather have another answer than wait. */
  readonly shareTime?: boolean;
}

export interface ProvidersOptions {
  readonly configured: readonly ProviderConfig[];
  readonly sidecarUrl: string;
  readonly sidecarToken: () => Promise<string>;
  readonly timeoutMs: number;
  /** Waits between two attempts. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const ATTEMPTS = 2;
const PAUSE_MS = 150;

/** Guards are for one task and model of a provider: a breaker that opened for one says nothing about another. */
export function createProviders(options: ProvidersOptions): Providers {
  const byTask = new Map<ProviderTask, readonly Provider[]>();
  const isListed = new Set(options.configured.filter(({ url }) => url === 'sidecar').map(({ task }) => task));
  const sidecar = modelTaskSchema.options
    .filter((task) => !isListed.has(task))
    .map((task): ProviderConfig => ({ name: 'sidecar', task, url: 'sidecar' }));
  for (const config of [...options.configured, ...sidecar])
    byTask.set(config.task, [...(byTask.get(config.task) ?? []), toProvider(config, options)]);

  const of: Providers['of'] = (task, model) =>
    (byTask.get(task) ?? []).filter(
      (provider) => model === undefined || provider.model === undefined || provider.model === model,
    );

  return {
    of,
    async ask(task, model, call, { withinMs, attempts = ATTEMPTS, shareTime = false }) {
      const until = options.now() + withinMs;
      const asked = of(task, model);
      let fault: unknown = new ModelUnavailableError(`nothing is configured for ${task}`);
      for (const [at, provider] of asked.entries()) {
        for (let attempt = 1; attempt <= attempts; attempt += 1) {
          const left = until - options.now();
          if (left <= 0) throw fault;
          const share = shareTime && !provider.hasOwnTimeout ? left / (asked.length - at) : left;
          const timeoutMs = provider.hasOwnTimeout ? Math.min(share, provider.timeoutMs) : share;
          try {
            return { value: await call(provider, Math.ceil(timeoutMs)), provider: provider.name };
          } catch (error) {
            if (at === 0 || isMendedByWaiting(error) || !isMendedByWaiting(fault)) fault = error;
            if (!isPassing(error) || attempt === attempts) break;
            await options.pause(PAUSE_MS * attempt);
          }
        }
      }
      throw fault;
    },
  };
}

function toProvider(config: ProviderConfig, options: ProvidersOptions): Provider {
  const { name, task, model, token } = config;
  const isSidecar = config.url === 'sidecar';
  const dependency = isSidecar ? 'sidecar' : 'provider';
  const guards = new Map<string, Dependency>();
  const timeoutMs = config.timeoutMs ?? options.timeoutMs;
  const url = isSidecar ? new URL(`/v1/models/${task}`, options.sidecarUrl).href : config.url;
  return {
    name,
    task,
    model,
    timeoutMs,
    url,
    dependency,
    endpointOf: (wanted) => (isSidecar && wanted !== undefined ? `${url}/${wanted}` : url),
    token: isSidecar ? options.sidecarToken : async () => token,
    hasOwnTimeout: config.timeoutMs !== undefined,
    guardOf(wanted = '') {
      const guard = guards.get(wanted) ?? createDependency(dependency, { timeoutMs });
      guards.set(wanted, guard);
      return guard;
    },
  };
}

const isMendedByWaiting = (error: unknown): boolean =>
  error instanceof ModelUnavailableError || error instanceof DependencyError;

/** What a second attempt may mend: no connection, a fault of the other side. Not: no such model, no room, too slow. */
function isPassing(error: unknown): boolean {
  return error instanceof DependencyError && !/no answer within|left alone/.test(error.message);
}
