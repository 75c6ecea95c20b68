import { type FaultProxy, startFaultProxy } from '../../src/local/s3/test-fault-proxy.ts';
import { startTestStack, type TestStack } from '../e2e/harness/local-stack.ts';

export const DEPENDENCIES = ['postgres', 'redis', 's3', 'sidecar'] as const;
export type DependencyUnderTest = (typeof DEPENDENCIES)[number];

/** The real system, with something in front of each of its dependencies that can get in the way. */
export interface ProxiedStack extends TestStack {
  readonly proxies: Readonly<Record<DependencyUnderTest, FaultProxy>>;
}

const VARIABLES = {
  postgres: 'DATABASE_FETCH_ENDPOINT',
  redis: 'UPSTASH_REDIS_REST_URL',
  s3: 'S3_ENDPOINT',
  sidecar: 'SIDECAR_URL',
} as const satisfies Record<DependencyUnderTest, string>;

export async function startProxiedStack(bindings: Readonly<Record<string, string>>): Promise<ProxiedStack> {
  const ports = new Map<DependencyUnderTest, number>();
  const proxyOf = (name: DependencyUnderTest) => startFaultProxy(() => ports.get(name) ?? 1);
  const [postgres, redis, s3, sidecar] = await Promise.all([
    proxyOf('postgres'),
    proxyOf('redis'),
    proxyOf('s3'),
    proxyOf('sidecar'),
  ]);
  const proxies = { postgres, redis, s3, sidecar };
  const close = () => Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
  try {
    const system = await startTestStack({
      composition: 'split',
      sidecarEnv: { S3_ENDPOINT: s3.endpoint },
      bindings: (own) => {
        const overrides: Record<string, string> = { ...bindings };
        for (const name of DEPENDENCIES) {
          const variable = VARIABLES[name];
          const address = new URL(own[variable] ?? '');
          ports.set(name, Number(address.port));
          overrides[variable] = proxies[name].endpoint + address.pathname.replace(/\/$/, '');
        }
        return overrides;
      },
    });
    return {
      ...system,
      proxies,
      async dispose() {
        await system.dispose();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
