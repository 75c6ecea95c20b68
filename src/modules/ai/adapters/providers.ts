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
  readonly token: () => Promise<string | undefined>;
  readonly guard: Dependency;
}

export interface Providers {
  /** Those of a task in their order; with a model, those that have it. */
  of(task: ProviderTask, model?: string): readonly Provider[];
  /**
   * Asks one after the other until one answers; the name of that one comes with its answer. A call that failed for a
   * passing reason is repeated once before the next one is asked: inference changes nothing, so it is repeatable.
   * @throws ModelUnavailableError, DependencyError of the last one
   */
  ask<T>(
    task: ProviderTask,
    model: string | undefined,
    call: (provider: Provider) => Promise<T>,
    options?: { readonly attempts?: number },
  ): Promise<{ readonly value: T; readonly provider: string }>;
}

export interface ProvidersOptions {
  readonly configured: readonly ProviderConfig[];
  readonly sidecarUrl: string;
  readonly sidecarToken: () => Promise<string>;
  readonly timeoutMs: number;
  /** Waits between two attempts. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

const ATTEMPTS = 2;
const PAUSE_MS = 150;

/** One guard for each provider: a breaker that opened for one task of a provider says nothing about another task. */
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
    async ask(task, model, call, { attempts = ATTEMPTS } = {}) {
      let last: unknown = new ModelUnavailableError(`nothing is configured for ${task}`);
      for (const provider of of(task, model)) {
        for (let attempt = 1; attempt <= attempts; attempt += 1) {
          try {
            return { value: await call(provider), provider: provider.name };
          } catch (error) {
            last = error;
            if (!isPassing(error) || attempt === attempts) break;
            await options.pause(PAUSE_MS * attempt);
          }
        }
      }
      throw last;
    },
  };
}

function toProvider(config: ProviderConfig, options: ProvidersOptions): Provider {
  const { name, task, model, token } = config;
  const isSidecar = config.url === 'sidecar';
  const timeoutMs = config.timeoutMs ?? options.timeoutMs;
  const url = isSidecar ? new URL(`/v1/models/${task}`, options.sidecarUrl).href : config.url;
  return {
    name,
    task,
    model,
    timeoutMs,
    url,
    dependency: isSidecar ? 'sidecar' : 'provider',
    endpointOf: (wanted) => (isSidecar && wanted !== undefined ? `${url}/${wanted}` : url),
    token: isSidecar ? options.sidecarToken : async () => token,
    guard: createDependency(isSidecar ? 'sidecar' : 'provider', { timeoutMs }),
  };
}

/** What a second attempt may mend: no connection, a fault of the other side. Not: no such model, no room, too slow. */
function isPassing(error: unknown): boolean {
  return error instanceof DependencyError && !/no answer within|left alone/.test(error.message);
}
