import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Database } from '../../../core/database/client.ts';
import { createMemoryEngine } from '../../../local/redis/memory-engine.ts';
import { startUpstashFront } from '../../../local/redis/upstash-front.ts';
import { startTestDatabase } from '../../../local/testing/database.ts';
import { createAuthModule } from '../routes.ts';

export interface CallOptions {
  readonly json?: unknown;
  /** As application/x-www-form-urlencoded, in place of `json`. */
  readonly form?: Readonly<Record<string, string>> | string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the gateway saw the request come from. */
  readonly address?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed when it is JSON; else its text; undefined when it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
}

export interface SentEmail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/** The auth module as the gateway calls it, in this process, over the real database and the Redis stand-in. */
export interface TestSystem {
  readonly db: Database;
  readonly env: Record<string, string>;
  /** What the e-mail provider took, in order. */
  readonly emails: SentEmail[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Registers a person; `address` as in CallOptions. */
  register(options?: { email?: string; password?: string; address?: string }): Promise<TestAccount>;
  /** Another instance of the module on the same database, with other settings: another deployment of the same data. */
  withEnv(env: Readonly<Record<string, string>>): TestSystem;
  runCron(): Promise<void>;
  /** Waits for what the module does after its answer. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface TestAccount {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Calls as this user. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export async function startTestSystem(overrides: Readonly<Record<string, string>> = {}): Promise<TestSystem> {
  const database = await startTestDatabase();
  const redis = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 });
  const front = await startUpstashFront({ engine: redis, host: '127.0.0.1', port: 0, token: 'redis-token' });
  const provider = await startEmailProvider();
  const env = {
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'silent',
    DATABASE_URL: database.url,
    DATABASE_FETCH_ENDPOINT: database.endpoint,
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${front.port}`,
    UPSTASH_REDIS_REST_TOKEN: 'redis-token',
    AUTH_ISSUER: 'https://api.test',
    AUTH_AUDIENCE: 'acs',
    AUTH_ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}`,
    EMAIL_ENDPOINT: `${provider.url}/emails`,
    EMAIL_API_KEY: 'email-key',
    EMAIL_FROM: 'AI Cloud Storage <no-reply@api.test>',
    REGISTRATION: 'open',
    // Everybody in a test comes from one address; a test of the limits sets 1.
    RATE_LIMIT_SCALE: '1000',
    PASSWORD_HASHES_PER_SECOND: '1000',
    // Half of the time of these tests would go into deriving passwords.
    PASSWORD_SCRYPT_LN: '10',
    ...overrides,
  };
  return createSystem(env, provider.emails, database.db, async () => {
    await front.close();
    await redis.close();
    await provider.close();
    await database.close();
  });
}

let people = 0;

function createSystem(
  env: Record<string, string>,
  emails: SentEmail[],
  db: Database,
  close: () => Promise<void>,
): TestSystem {
  const module = createAuthModule();
  const pending = new Set<Promise<unknown>>();
  const context = {
    waitUntil: (promise: Promise<unknown>) => void pending.add(promise.catch(() => undefined)),
    passThroughOnException: () => {},
    props: {},
  };
  const settled = async () => {
    while (pending.size > 0) {
      const batch = [...pending];
      pending.clear();
      await Promise.all(batch);
    }
  };
  const call: TestSystem['call'] = async (method, path, options = {}) => {
    const headers = new Headers({
      'x-client-address': options.address ?? '203.0.113.7',
      'user-agent': 'test',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...options.headers,
    });
    const form = options.form === undefined ? null : String(new URLSearchParams(options.form));
    const body = options.json === undefined ? form : JSON.stringify(options.json);
    const request = new Request(new URL(path, env.AUTH_ISSUER), {
      method,
      headers,
      body,
      redirect: 'manual',
    });
    return toAnswer(await module.fetch(request, env, context));
  };
  return {
    db,
    env,
    emails,
    call,
    settled,
    close,
    withEnv: (other) => createSystem({ ...env, ...other }, emails, db, async () => {}),
    async runCron() {
      await module.scheduled?.(
        // biome-ignore lint/suspicious/noExplicitAny: the runtime's controller has more than is used
        { cron: '* * * * *', scheduledTime: Date.now(), noRetry: () => {} } as any,
        env,
        context,
      );
      await settled();
    },
    async register({ email, password, address } = {}) {
      const account = {
        email: email ?? `person-${++people}-${crypto.randomUUID().slice(0, 8)}@example.com`,
        password: password ?? `unguessable ${crypto.randomUUID()}`,
      };
      const from = address === undefined ? {} : { address };
      const answer = await call('POST', '/v1/auth/register', { json: account, ...from });
      if (answer.status !== 201)
        throw new Error(`registering answered ${answer.status} ${JSON.stringify(answer.body)}`);
      const { user, accessToken, refreshToken } = answer.body;
      return {
        ...account,
        id: user.id,
        accessToken,
        refreshToken,
        call: (method, path, options = {}) => call(method, path, { token: accessToken, ...from, ...options }),
      };
    },
  };
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = /json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : isJson ? JSON.parse(text) : text,
  };
}

/** Takes e-mails in the wire format of the HTTP provider (Resend's POST /emails) and keeps them. */
async function startEmailProvider(): Promise<{ url: string; emails: SentEmail[]; close(): Promise<void> }> {
  const emails: SentEmail[] = [];
  const server = createServer(async (request, response) => {
    emails.push(JSON.parse(await bodyOf(request)));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ id: crypto.randomUUID() }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    emails,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
