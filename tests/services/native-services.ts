import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import pg from 'pg';
import { findFreePort } from '../../src/local/testing/free-port.ts';
import { fetchPostgres, fetchRedis, fetchS3Gateway, S3_GATEWAY_VERSION } from './fetch-tools.ts';
import { type NativeProcess, startNative } from './native-process.ts';
import { run } from './run.ts';

/** Real services that run, and what tells the system under test of them. */
export interface Services {
  /** Name and version of each, for the reader of the run. */
  readonly versions: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface Bucket {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** As whom PostgreSQL runs for root, which it refuses to serve. */
const NOBODY = 65_534;
const USER = 'acs';
const BUCKET = 'acs-files';
const INITDB_MS = 60_000;

const secret = () => randomBytes(24).toString('hex');

/** PostgreSQL with pgvector, redis-server and an S3 gateway, each on a free loopback port, on data that goes with them. */
export async function startNativeServices(toolsDir: string): Promise<Services> {
  const folder = await mkdtemp(join(tmpdir(), 'acs-services-'));
  // Others may pass, to what is theirs below.
  await chmod(folder, 0o711);
  const started: NativeProcess[] = [];
  const stop = async () => {
    for (const service of started.reverse().splice(0)) await service.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const onStart = (service: NativeProcess) => started.push(service);
  try {
    const postgres = await startPostgres(await fetchPostgres(toolsDir), join(folder, 'postgres'), onStart);
    const redis = await startRedis(await fetchRedis(toolsDir), join(folder, 'redis'), onStart);
    const s3 = await startS3(await fetchS3Gateway(toolsDir), join(folder, 's3'), onStart);
    const parts = [postgres, redis, s3];
    return {
      versions: parts.map(({ version }) => version),
      env: Object.assign({}, ...parts.map(({ env }) => env)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type OnStart = (service: NativeProcess) => void;

async function startPostgres(
  fetched: Awaited<ReturnType<typeof fetchPostgres>>,
  folder: string,
  onStart: OnStart,
) {
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const copy = join(folder, 'copy');
  const data = join(folder, 'data');
  await mkdir(folder);
  await mkdir(data, { mode: 0o700 });
  // A copy, because another user may not be let into the folder of the repository.
  await cp(fetched.root, copy, { recursive: true });
  await chmod(copy, 0o755);
  const install = join(copy, fetched.install);
  const password = secret();
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (identity.uid !== undefined) for (const path of [data, passwordFile]) await chown(path, NOBODY, NOBODY);
  const auth = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`];
  await run(join(install, 'bin/initdb'), ['-D', data, '--encoding=UTF8', '--locale=C.UTF-8', ...auth], {
    timeoutMs: INITDB_MS,
    cwd: folder,
    ...identity,
  });
  const port = await findFreePort();
  const server = `postgresql://${USER}:${password}@127.0.0.1:${port}`;
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='];
  const service = await startNative({
    name: 'PostgreSQL',
    command: join(install, 'bin/postgres'),
    args: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    ...identity,
    stopSignal: 'SIGINT',
    probe: () => ask(`${server}/postgres`, 'select 1'),
  });
  onStart(service);
  await ask(`${server}/postgres`, 'create database acs');
  const version = await ask(
    `${server}/acs`,
    `select 'PostgreSQL ' || current_setting('server_version') || ', pgvector ' ||
       (select default_version from pg_available_extensions where name = 'vector') as answer`,
  );
  return { version, env: { DATABASE_URL: `${server}/acs`, TEST_DATABASE_URL: `${server}/postgres` } };
}

/** The column `answer` of the first row. */
async function ask(url: string, statement: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query(statement);
    return String(rows[0]?.answer);
  } finally {
    await client.end();
  }
}

async function startRedis(tool: Awaited<ReturnType<typeof fetchRedis>>, dir: string, onStart: OnStart) {
  await mkdir(dir);
  const port = await findFreePort();
  const password = secret();
  const url = `redis://:${password}@127.0.0.1:${port}`;
  // By a file: arguments are there for everybody to read.
  const config = ['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`, `dir ${dir}`, 'save ""'];
  await writeFile(join(dir, 'redis.conf'), config.join('\n'), { mode: 0o600 });
  const info = async () => {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.info('server');
    } finally {
      client.disconnect();
    }
  };
  onStart(
    await startNative({
      name: 'redis-server',
      command: tool.server,
      args: [join(dir, 'redis.conf')],
      env: { LD_LIBRARY_PATH: tool.libraries },
      stopSignal: 'SIGTERM',
      probe: info,
    }),
  );
  const version = /redis_version:(\S+)/.exec(await info())?.[1];
  return { version: `redis-server ${version}`, env: { REDIS_URL: url, TEST_REDIS_URL: url } };
}

async function startS3(gateway: string, dir: string, onStart: OnStart) {
  const [objects, attributes] = [join(dir, 'objects'), join(dir, 'attributes')];
  for (const path of [objects, attributes]) await mkdir(path, { recursive: true });
  const port = await findFreePort();
  const bucket: Bucket = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    accessKeyId: 'acs-test',
    secretAccessKey: secret(),
  };
  onStart(
    await startNative({
      name: 'versitygw',
      command: gateway,
      // Attributes in files beside the objects: not every file system of temporary files has extended ones.
      args: ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--sidecar', attributes, objects],
      env: {
        ROOT_ACCESS_KEY: bucket.accessKeyId,
        ROOT_SECRET_KEY: bucket.secretAccessKey,
        VGW_REGION: bucket.region,
      },
      stopSignal: 'SIGTERM',
      probe: () => withClient(bucket, (client) => client.send(new ListBucketsCommand({}))),
    }),
  );
  return { version: `S3: versitygw ${S3_GATEWAY_VERSION}`, env: await makeBucket(bucket) };
}

/** Makes the bucket of the run, and says where it is. */
export async function makeBucket(bucket: Bucket): Promise<Record<string, string>> {
  await withClient(bucket, (client) => client.send(new CreateBucketCommand({ Bucket: BUCKET })));
  const shared = {
    S3_ENDPOINT: bucket.endpoint,
    S3_REGION: bucket.region,
    S3_ACCESS_KEY_ID: bucket.accessKeyId,
    S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
  };
  const forTests = Object.entries(shared).map(([name, value]) => [`TEST_${name}`, value]);
  return { ...shared, S3_BUCKET: BUCKET, ...Object.fromEntries(forTests) };
}

async function withClient<T>(bucket: Bucket, use: (client: S3Client) => Promise<T>): Promise<T> {
  const { endpoint, region, ...credentials } = bucket;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
