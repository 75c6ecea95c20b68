import { z } from 'zod';
import { ConfigError, fetcherSchema } from '../core/config/config.ts';
import { type ModuleReadiness, moduleReadinessSchema } from '../core/http/health.ts';
import { gatewayConfig } from './config.ts';

const TIMEOUT_MS = 5_000;

type State = ModuleReadiness['status'];

export interface Readiness {
  /** `degraded`: it works, without something that it can do without. */
  readonly status: 'ready' | 'degraded' | 'unavailable';
  readonly modules: Readonly<Record<string, State>>;
  /** What each module stands on, as it found it just now. */
  readonly dependencies: Readonly<Record<string, ModuleReadiness['dependencies']>>;
  /** What is wrong with whose environment. Said on the machine of whoever runs it, and nowhere else. */
  readonly faults?: Readonly<Record<string, readonly string[]>>;
}

const bindingsSchema = z.object({
  AUTH: fetcherSchema.optional().catch(undefined),
  STORAGE: fetcherSchema.optional().catch(undefined),
  AI: fetcherSchema.optional().catch(undefined),
  ENVIRONMENT: z.string().optional().catch(undefined),
});
const UNAVAILABLE: ModuleReadiness = { status: 'unavailable', dependencies: {}, faults: [] };

/** Asks every module whether it and its dependencies answer; also when the gateway's own environment is faulty. */
export async function checkModules(env: object): Promise<Readiness> {
  const { AUTH, STORAGE, AI, ENVIRONMENT } = bindingsSchema.parse(env);
  const asked = await Promise.all(
    Object.entries({ auth: AUTH, storage: STORAGE, ai: AI }).map(
      async ([name, module]) => [name, await ask(module)] as const,
    ),
  );
  const own = gatewayFaults(env);
  const gateway: ModuleReadiness = { status: 'misconfigured', dependencies: {}, faults: [...own] };
  const found = own.length > 0 ? [['gateway', gateway] as const, ...asked] : asked;
  const faulty = found.filter(([, { faults }]) => faults.length > 0);
  const isLocal = ENVIRONMENT === 'local' || ENVIRONMENT === 'test';
  return {
    status: statusOf(found.map(([, { status }]) => status)),
    modules: Object.fromEntries(found.map(([name, { status }]) => [name, status])),
    dependencies: Object.fromEntries(asked.map(([name, { dependencies }]) => [name, dependencies])),
    ...(isLocal && faulty.length > 0
      ? { faults: Object.fromEntries(faulty.map(([name, { faults }]) => [name, faults])) }
      : {}),
  };
}

function statusOf(states: readonly State[]): Readiness['status'] {
  if (states.some((state) => state === 'unavailable' || state === 'misconfigured')) return 'unavailable';
  return states.includes('degraded') ? 'degraded' : 'ready';
}

function gatewayFaults(env: object): readonly string[] {
  try {
    gatewayConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

async function ask(module: z.output<typeof bindingsSchema>['AUTH']): Promise<ModuleReadiness> {
  try {
    const response = await module?.fetch(
      new Request('http://module/readyz', { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    );
    return moduleReadinessSchema.parse(await response?.json());
  } catch {
    return UNAVAILABLE;
  }
}
