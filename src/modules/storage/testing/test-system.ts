import { sql } from 'drizzle-orm';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import type { ObjectStore } from '../../../core/objects/object-store.ts';
import { createS3ObjectStore } from '../../../core/objects/s3-object-store.ts';
import { createMemoryEngine } from '../../../local/redis/memory-engine.ts';
import { startUpstashFront } from '../../../local/redis/upstash-front.ts';
import { startTestDatabase } from '../../../local/testing/database.ts';
import { startTestBucket, type TestBucket } from '../../../local/testing/test-bucket.ts';
import { createStorageModule } from '../routes.ts';

export interface CallOptions {
  readonly json?: unknown;
  readonly body?: RequestInit['body'];
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed when it is JSON; else undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
  readonly bytes: Uint8Array;
}

/** The storage module as the gateway calls it, in this process, over real database, S3 and Redis stand-ins. */
export interface TestSystem {
  readonly db: Database;
  readonly s3: TestBucket;
  readonly store: ObjectStore;
  readonly env: Readonly<Record<string, unknown>>;
  /** As the edge calls it; the answer as it comes. */
  fetch(request: Request): Promise<Response>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Somebody with a session. */
  newUser(): Promise<TestUser>;
  /** A workspace with members by role (`owner`, `admin`, `member`, `viewer`). */
  newWorkspace(members: readonly (readonly [TestUser, string])[]): Promise<string>;
  newGroup(workspaceId: string, members: readonly TestUser[]): Promise<string>;
  removeMember(workspaceId: string, user: TestUser): Promise<void>;
  /** Rows of a statement, for what cannot be seen from outside. */
  query(statement: string): Promise<Record<string, unknown>[]>;
  /** Another instance of the module on the same data, with other settings. */
  withEnv(env: Readonly<Record<string, unknown>>): TestSystem;
  runCron(): Promise<void>;
  /** Waits for what the module does after its answer. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface TestUser {
  readonly id: string;
  readonly token: string;
  /** Calls as this user. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  upload(
    name: string,
    content: string | Uint8Array<ArrayBuffer>,
    query?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  folder(name: string, parentId?: string): Promise<string>;
  /** The id of a new file. */
  file(name: string, content?: string, parentId?: string): Promise<string>;
}

const ISSUER = 'https://api.test';
type Signer = (userId: string, sessionId: string) => Promise<string>;

/** @param overrides variables of the module, or bindings */
export async function startTestSystem(
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<TestSystem> {
  const [database, s3, keys] = await Promise.all([
    startTestDatabase(),
    startTestBucket(),
    generateKeyPair('Ed25519'),
  ]);
  const redis = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 });
  const front = await startUpstashFront({ engine: redis, host: '127.0.0.1', port: 0, token: 'redis-token' });
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'test', alg: 'EdDSA', use: 'sig' };
  const env = {
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'silent',
    DATABASE_URL: database.url,
    DATABASE_FETCH_ENDPOINT: database.endpoint,
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${front.port}`,
    UPSTASH_REDIS_REST_TOKEN: 'redis-token',
    ...s3.config,
    AUTH_ISSUER: ISSUER,
    AUTH_AUDIENCE: 'acs',
    SERVICE_TOKEN_SECRET: 's'.repeat(32),
    STORAGE_ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}`,
    SIDECAR_URL: 'http://127.0.0.1:1',
    RATE_LIMIT_SCALE: '1000',
    AFTER_WRITES_MS: '0',
    AUTH: { fetch: async () => Response.json({ keys: [jwk] }) },
    EVENTS: { send: async () => undefined },
    ...overrides,
  };
  const sign: Signer = (userId, sessionId) =>
    new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'test', typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience('acs')
      .setSubject(userId)
      .setJti(newId('ses'))
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(keys.privateKey);
  await database.db.execute(
    sql`insert into auth.signing_keys (id, public_key, sealed_key, signs_from) values ('test', '{}', '', now())`,
  );
  const store = createS3ObjectStore(s3.config);
  return createSystem({ env, db: database.db, s3, store, sign }, async () => {
    await front.close();
    await redis.close();
    await database.close();
    await s3.close();
  });
}

interface Surroundings {
  readonly env: Readonly<Record<string, unknown>>;
  readonly db: Database;
  readonly s3: TestBucket;
  readonly store: ObjectStore;
  readonly sign: Signer;
}

function createSystem(around: Surroundings, close: () => Promise<void>): TestSystem {
  const { env, db, s3, store } = around;
  const module = createStorageModule();
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
  const fetch = async (request: Request) => module.fetch(request, env, context);
  const call: TestSystem['call'] = async (method, path, { json, body, token, headers } = {}) => {
    const request = new Request(new URL(path, ISSUER), {
      method,
      headers: {
        'x-client-address': '203.0.113.7',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...lengthOf(body),
        ...headers,
      },
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
      redirect: 'manual',
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    return toAnswer(await fetch(request));
  };
  const run = async (statement: string) => (await db.execute(sql.raw(statement))).rows;
  return {
    db,
    s3,
    store,
    env,
    fetch,
    call,
    settled,
    close,
    query: run,
    withEnv: (other) => createSystem({ ...around, env: { ...env, ...other } }, async () => {}),
    async runCron() {
      await module.scheduled?.(
        // biome-ignore lint/suspicious/noExplicitAny: the runtime's controller has more than is used
        { cron: '* * * * *', scheduledTime: Date.now(), noRetry: () => {} } as any,
        env,
        context,
      );
      await settled();
    },
    newUser: () => newUser(around, call),
    newWorkspace: (members) => newWorkspace(db, members),
    newGroup: (workspaceId, members) => newGroup(db, workspaceId, members),
    async removeMember(workspaceId, user) {
      await db.execute(sql`delete from auth.workspace_members
        where workspace_id = ${idToUuid(workspaceId)}::uuid and user_id = ${idToUuid(user.id)}::uuid`);
    },
  };
}

async function newUser({ db, sign }: Surroundings, call: TestSystem['call']): Promise<TestUser> {
  const id = newId('usr');
  const session = newId('ses');
  await db.batch([
    db.execute(sql`insert into auth.users (id, email, name, email_verified_at)
      values (${idToUuid(id)}::uuid, ${`${id}@example.com`}, 'Somebody', now())`),
    db.execute(sql`insert into auth.sessions (id, user_id, authenticated_at, expires_at)
      values (${idToUuid(session)}::uuid, ${idToUuid(id)}::uuid, now(), now() + interval '1 day')`),
  ]);
  const token = await sign(id, session);
  const own: TestUser['call'] = (method, path, options = {}) => call(method, path, { token, ...options });
  const upload: TestUser['upload'] = (name, content, query = {}) =>
    own('POST', `/v1/files?${new URLSearchParams({ name, ...query })}`, {
      body: typeof content === 'string' ? new TextEncoder().encode(content) : content,
    });
  const idOf = (answer: Answer): string => {
    if (answer.status !== 201) throw new Error(`answered ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  };
  return {
    id,
    token,
    call: own,
    upload,
    folder: async (name, parentId) =>
      idOf(await own('POST', '/v1/folders', { json: { name, ...(parentId ? { parentId } : {}) } })),
    file: async (name, content = name, parentId) =>
      idOf(await upload(name, content, parentId ? { parentId } : {})),
  };
}

async function newWorkspace(
  db: Database,
  members: readonly (readonly [TestUser, string])[],
): Promise<string> {
  const id = newId('wsp');
  await db.execute(sql`insert into auth.workspaces (id, name) values (${idToUuid(id)}::uuid, 'Team')`);
  for (const [user, role] of members)
    await db.execute(sql`insert into auth.workspace_members (workspace_id, user_id, role)
      values (${idToUuid(id)}::uuid, ${idToUuid(user.id)}::uuid, ${role})`);
  return id;
}

async function newGroup(db: Database, workspaceId: string, members: readonly TestUser[]): Promise<string> {
  const id = newId('grp');
  await db.execute(sql`insert into auth.groups (id, workspace_id, name)
    values (${idToUuid(id)}::uuid, ${idToUuid(workspaceId)}::uuid, ${id})`);
  for (const user of members)
    await db.execute(sql`insert into auth.group_members (group_id, user_id)
      values (${idToUuid(id)}::uuid, ${idToUuid(user.id)}::uuid)`);
  return id;
}

/** As a client on the wire would say it. */
function lengthOf(body: RequestInit['body']): Record<string, string> {
  if (typeof body === 'string') return { 'content-length': String(new TextEncoder().encode(body).length) };
  return body instanceof Uint8Array ? { 'content-length': String(body.byteLength) } : {};
}

async function toAnswer(response: Response): Promise<Answer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const isJson = /json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && bytes.length > 0 ? JSON.parse(new TextDecoder().decode(bytes)) : undefined,
    bytes,
  };
}
