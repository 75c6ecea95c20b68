import { join } from 'node:path';
import { targetOf } from '../../src/gateway/routing.ts';
import { type SpawnedService, spawnService } from '../../src/local/testing/spawn-service.ts';
import { createAiModule } from '../../src/modules/ai/routes.ts';
import type {
  Answer,
  CallOptions,
  TestSystem,
  TestUser,
} from '../../src/modules/storage/testing/test-system.ts';
import { startTestSystem } from '../../src/modules/storage/testing/test-system.ts';

/** Weights are shared with `npm start`: they do not depend on the data of an installation. */
export const MODEL_CACHE_DIR = process.env.MODEL_CACHE_DIR ?? join(import.meta.dirname, '../../.data/models');
const SIDECAR = new URL('../../src/sidecar/main.ts', import.meta.url);
const MODEL_WAIT_MS = 300_000;

export interface TestAiOptions {
  /** Variables of the sidecar. `null`: there is none. */
  readonly sidecarEnv?: Readonly<Record<string, string>> | null;
  /** Variables and bindings of the modules. */
  readonly env?: Readonly<Record<string, unknown>>;
}

/**
 * The AI module with the real storage module and the real sidecar, all but the sidecar in this process, over the local
 * database, S3 and Redis. Nothing happens in the background: `work()` does what queue and cron do.
 */
export interface TestAi {
  readonly storage: TestSystem;
  readonly sidecar: SpawnedService | undefined;
  /** Calls reach the module that the gateway would choose. */
  newUser(): Promise<TestUser>;
  /** An administrator of the deployment. */
  newAdmin(): Promise<TestUser>;
  /** Rows of a statement, for what cannot be seen from outside. */
  query(statement: string): Promise<Record<string, unknown>[]>;
  /** One run of the queue's consumer: takes over events and works off what is due. */
  work(): Promise<void>;
  /** Another instance of the AI module on the same data, with other settings. */
  withEnv(env: Readonly<Record<string, unknown>>): Pick<TestAi, 'work' | 'as'>;
  /** The same user, calling this instance. */
  as(user: TestUser): TestUser;
  close(): Promise<void>;
}

export async function startTestAi({ sidecarEnv = {}, env = {} }: TestAiOptions = {}): Promise<TestAi> {
  const base = await startTestSystem(env);
  const sidecar =
    sidecarEnv === null
      ? undefined
      : await spawnService(SIDECAR, {
          S3_ENDPOINT: String(base.env.S3_ENDPOINT),
          SERVICE_TOKEN_SECRET: String(base.env.SERVICE_TOKEN_SECRET),
          MODEL_CACHE_DIR,
          LOG_LEVEL: 'silent',
          ...sidecarEnv,
        });
  const storage = sidecar === undefined ? base : base.withEnv({ SIDECAR_URL: sidecar.url });
  if (sidecar !== undefined) await waitForModel(sidecar.url);
  const ai = createInstance(storage, storage.env);
  const newUser = async () => ai.as(await storage.newUser());
  return {
    storage,
    sidecar,
    ...ai,
    newUser,
    async newAdmin() {
      const user = await newUser();
      const uuid = user.id.slice('usr_'.length);
      await storage.query(`update auth.users set role = 'admin' where id = '${uuid}'::uuid`);
      return user;
    },
    query: (statement) => storage.query(statement),
    withEnv: (other) => createInstance(storage, { ...storage.env, ...other }),
    async close() {
      await sidecar?.stop('SIGTERM');
      await base.close();
    },
  };
}

function createInstance(storage: TestSystem, settings: Readonly<Record<string, unknown>>) {
  const module = createAiModule();
  const env = { ...settings, STORAGE: { fetch: storage.fetch } };
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  const bindings = {
    AUTH: { fetch: async () => new Response(null, { status: 404 }) },
    STORAGE: { fetch: storage.fetch },
    AI: { fetch: async (request: Request) => module.fetch(request, env, context) },
  };
  const call = async (method: string, path: string, options: CallOptions): Promise<Answer> => {
    const { pathname } = new URL(path, 'https://api.test');
    // biome-ignore lint/suspicious/noExplicitAny: of the gateway's configuration only the bindings are used
    const target = targetOf(pathname, bindings as any);
    if (target === undefined) throw new Error(`the gateway does not know ${pathname}`);
    return target.name === 'AI'
      ? send(bindings.AI.fetch, method, path, options)
      : storage.call(method, path, options);
  };
  return {
    as(user: TestUser): TestUser {
      const own: TestUser['call'] = (method, path, options = {}) =>
        call(method, path, { token: user.token, ...options });
      return { ...user, call: own };
    },
    async work() {
      await module.scheduled?.(
        // biome-ignore lint/suspicious/noExplicitAny: the runtime's controller has more than is used
        { cron: '* * * * *', scheduledTime: Date.now(), noRetry: () => {} } as any,
        env,
        context,
      );
    },
  };
}

async function send(
  fetch: (request: Request) => Promise<Response>,
  method: string,
  path: string,
  { json, body, token, headers }: CallOptions,
): Promise<Answer> {
  const response = await fetch(
    new Request(new URL(path, 'https://api.test'), {
      method,
      headers: {
        'x-client-address': '203.0.113.7',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
      redirect: 'manual',
    }),
  );
  const bytes = new Uint8Array(await response.arrayBuffer());
  const isJson = /json\b/.test(response.headers.get('content-type') ?? '');
  const text = isJson && bytes.length > 0 ? new TextDecoder().decode(bytes) : undefined;
  return {
    status: response.status,
    headers: response.headers,
    body: text === undefined ? undefined : JSON.parse(text),
    bytes,
  };
}

async function waitForModel(url: string): Promise<void> {
  const until = Date.now() + MODEL_WAIT_MS;
  for (;;) {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(10_000) });
    const { status } = (await response.json()) as { status: string };
    if (status === 'ready') return;
    if (Date.now() > until) throw new Error('the embedding model did not load');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
