import { z } from 'zod';
import { ConfigError, fetcherSchema } from '../core/config/config.ts';
import { gatewayConfig } from './config.ts';

const TIMEOUT_MS = 5_000;

type State = 'ready' | 'unavailable' | 'misconfigured';

export interface Readiness {
  readonly ready: boolean;
  readonly modules: Readonly<Record<string, State>>;
  /** What is wrong with whose environment. Said on the machine of whoever runs it, and nowhere else. */
  readonly faults?: Readonly<Record<string, readonly string[]>>;
}

interface Found {
  readonly state: State;
  readonly faults: readonly string[];
}

const bindingsSchema = z.object({
  AUTH: fetcherSchema.optional().catch(undefined),
  STORAGE: fetcherSchema.optional().catch(undefined),
  AI: fetcherSchema.optional().catch(undefined),
  ENVIRONMENT: z.string().optional().catch(undefined),
});
const misconfiguredSchema = z.object({ status: z.literal('misconfigured'), faults: z.array(z.string()) });

/** Asks every module whether it and its dependencies answer; also when the gateway's own environment is faulty. */
export async function checkModules(env: object): Promise<Readiness> {
  const { AUTH, STORAGE, AI, ENVIRONMENT } = bindingsSchema.parse(env);
  const asked = await Promise.all(
    Object.entries({ auth: AUTH, storage: STORAGE, ai: AI }).map(
      async ([name, module]) => [name, await ask(module)] as const,
    ),
  );
  const own = gatewayFaults(env);
  const found =
    own.length > 0 ? [['gateway', { state: 'misconfigured', faults: own }] as const, ...asked] : asked;
  const faulty = found.filter(([, { faults }]) => faults.length > 0);
  const isLocal = ENVIRONMENT === 'local' || ENVIRONMENT === 'test';
  return {
    ready: found.every(([, { state }]) => state === 'ready'),
    modules: Object.fromEntries(found.map(([name, { state }]) => [name, state])),
    ...(isLocal && faulty.length > 0
      ? { faults: Object.fromEntries(faulty.map(([name, { faults }]) => [name, faults])) }
      : {}),
  };
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

async function ask(module: z.output<typeof bindingsSchema>['AUTH']): Promise<Found> {
  const unavailable: Found = { state: 'unavailable', faults: [] };
  try {
    const response = await module?.fetch(
      new Request('http://module/readyz', { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    );
    if (response?.ok) {
      await response.body?.cancel();
      return { state: 'ready', faults: [] };
    }
    const parsed = misconfiguredSchema.safeParse(await response?.json());
    return parsed.success ? { state: 'misconfigured', faults: parsed.data.faults } : unavailable;
  } catch {
    return unavailable;
  }
}
