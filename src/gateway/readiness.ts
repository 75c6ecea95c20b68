import type { Fetcher } from '../core/config/config.ts';
import type { GatewayConfig } from './config.ts';

const TIMEOUT_MS = 5_000;

export interface Readiness {
  readonly ready: boolean;
  readonly modules: Readonly<Record<string, 'ready' | 'unavailable'>>;
}

/** Asks every module whether it and its dependencies answer. */
export async function checkModules({ AUTH, STORAGE, AI }: GatewayConfig): Promise<Readiness> {
  const states = await Promise.all(
    Object.entries({ auth: AUTH, storage: STORAGE, ai: AI }).map(
      async ([name, module]) => [name, await stateOf(module)] as const,
    ),
  );
  return { ready: states.every(([, state]) => state === 'ready'), modules: Object.fromEntries(states) };
}

async function stateOf(module: Fetcher): Promise<'ready' | 'unavailable'> {
  try {
    const response = await module.fetch(
      new Request('http://module/readyz', { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    );
    await response.body?.cancel();
    return response.ok ? 'ready' : 'unavailable';
  } catch {
    return 'unavailable';
  }
}
