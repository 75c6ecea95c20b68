import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SidecarReady, sidecarReadySchema } from '../contracts/sidecar.ts';
import { migrate } from '../core/database/migrate.ts';
import { buildBundles } from './bundles.ts';
import { type ChildService, startChildService } from './child-service.ts';
import { dataBindings, postgresPlan, s3Plan } from './data-services.ts';
import { readMigrations } from './migrations.ts';
import { type LocalSecrets, loadSecrets } from './secrets.ts';
import { type Composition, functionsOf, startWorkers, type Workers } from './workers.ts';

type Bindings = Readonly<Record<string, string>>;

export interface StackOptions {
  readonly composition: Composition;
  /** Absolute path; everything that is kept is below it. */
  readonly dataDir: string;
  readonly modelCacheDir: string;
  readonly bundleDir: string;
  readonly port: number;
  readonly log: (line: string) => void;
  /** Overrides of Worker variables, for tests; may depend on what they are without. */
  readonly bindings?: Bindings | ((own: Bindings) => Bindings);
  /** Overrides of the sidecar's environment, for tests. */
  readonly sidecarEnv?: Readonly<Record<string, string>>;
}

export interface Stack {
  readonly url: string;
  readonly secrets: LocalSecrets;
  /** Page of the e-mails that were sent. */
  readonly mailUrl: string;
  readonly services: Readonly<Record<ServiceName, ChildService | undefined>>;
  /** What every Worker is told of its surroundings. */
  readonly bindings: Readonly<Record<string, string>>;
  runCron(): Promise<void>;
  embeddingModel(): Promise<SidecarReady['models'][string] | undefined>;
  stop(): Promise<void>;
}

/** In the data folder while the stack runs, for tools: what its Workers are told. */
export const BINDINGS_FILE = 'bindings.json';
const CRON_MS = 60_000;
const UPLOAD_BYTES = 5 * 1024 ** 3;
/** Of the AI module, from the environment of `npm start`; services have all of it (docs/environment.md). */
const TRACE_VARIABLES = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_TRACES_SAMPLER_ARG',
];
const AI_VARIABLES = ['AI_PROVIDERS', 'QUERY_EMBEDDING_TIMEOUT_MS', 'RERANK_TIMEOUT_MS'];

/** Starts every part of the system on this machine, in order, and stops whatever was started if one fails. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const secrets = await loadSecrets(options.dataDir);
  const started: { stop(): Promise<void> }[] = [];
  const stopAll = async () => {
    const faults: unknown[] = [];
    // One that fails to stop must not keep the others running.
    for (const part of started.reverse().splice(0))
      await part.stop().catch((error: unknown) => faults.push(error));
    if (faults.length > 0) throw faults[0];
  };
  try {
    const building = buildBundles({
      names: functionsOf(options.composition),
      outDir: options.bundleDir,
      log: options.log,
    });
    building.catch(() => undefined);
    const services = await startServices(options, secrets, (service) => started.push(service));
    const own = bindingsOf(options, secrets, services);
    const bindings = {
      ...own,
      ...(typeof options.bindings === 'function' ? options.bindings(own) : options.bindings),
    };
    const applied = await migrate(
      bindings.DATABASE_URL ?? '',
      await readMigrations(),
      bindings.DATABASE_FETCH_ENDPOINT,
    );
    if (applied.length > 0) options.log(`database: applied ${applied.join(', ')}`);
    const workers = await startWorkers({
      composition: options.composition,
      bundles: await building,
      host: '127.0.0.1',
      port: options.port,
      bindings,
      logFile: join(options.dataDir, 'logs', 'workers.log'),
    });
    started.push({ stop: () => workers.close() }, startCron(workers));
    started.push(await noteBindings(options.dataDir, bindings));
    return {
      url: workers.url.origin,
      secrets,
      mailUrl: `http://127.0.0.1:${services.mail.port}/`,
      services,
      bindings,
      runCron: workers.runCron,
      embeddingModel: () => embeddingModel(services.sidecar),
      stop: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

type ServiceName = 'postgres' | 'redis' | 's3' | 'mail' | 'sidecar';
/** With an S3 outside there is none of our own. */
type Services = Record<Exclude<ServiceName, 's3'>, ChildService> & { s3: ChildService | undefined };

async function startServices(
  options: StackOptions,
  secrets: LocalSecrets,
  onStart: (service: ChildService) => void,
): Promise<Services> {
  const { dataDir, log } = options;
  const logDir = join(dataDir, 'logs');
  const start = async (name: string, script: string, env: Readonly<Record<string, string | undefined>>) => {
    const service = await startChildService({
      name,
      script,
      env,
      logDir,
      onLog: (line) => relay(log, name, line),
    });
    onStart(service);
    log(`${name}: up`);
    return service;
  };
  const database = postgresPlan(dataDir, secrets);
  const objects = s3Plan(dataDir, secrets);
  const [postgres, redis, mail, s3] = await settleAll([
    start(database.name, database.script, database.env),
    start('redis', 'src/local/redis/main.ts', { REDIS_TOKEN: secrets.redisToken }),
    start('mail', 'src/local/mail/main.ts', {
      DATA_DIR: join(dataDir, 'mail'),
      EMAIL_API_KEY: secrets.emailApiKey,
    }),
    objects && start(objects.name, objects.script, objects.env),
  ]);
  const sidecar = await start('sidecar', 'src/sidecar/main.ts', {
    SERVICE_TOKEN_SECRET: secrets.serviceTokenSecret,
    S3_ENDPOINT: process.env.S3_ENDPOINT ?? `http://127.0.0.1:${s3?.port}`,
    MODEL_CACHE_DIR: options.modelCacheDir,
    ENVIRONMENT: 'local',
    ...options.sidecarEnv,
  });
  return { postgres, redis, mail, s3, sidecar };
}

/** All of them, so that whatever did start is known when one of them fails. */
async function settleAll<A, B, C, D>(
  starts: [Promise<A>, Promise<B>, Promise<C>, D | Promise<D>],
): Promise<[A, B, C, D]> {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

function bindingsOf(options: StackOptions, secrets: LocalSecrets, services: Services) {
  const { env } = process;
  const own = (port: number | undefined) => `http://127.0.0.1:${port}`;
  return {
    ENVIRONMENT: 'local',
    LOG_LEVEL: env.LOG_LEVEL ?? 'info',
    ...dataBindings(secrets, { postgres: services.postgres.port, s3: services.s3?.port }),
    UPSTASH_REDIS_REST_URL: own(services.redis.port),
    UPSTASH_REDIS_REST_TOKEN: secrets.redisToken,
    METRICS_TOKEN: secrets.metricsToken,
    SERVICE_TOKEN_SECRET: secrets.serviceTokenSecret,
    SIDECAR_URL: own(services.sidecar.port),
    EMAIL_ENDPOINT: `${own(services.mail.port)}/emails`,
    EMAIL_API_KEY: secrets.emailApiKey,
    EMAIL_FROM: 'AI Cloud Storage <no-reply@localhost>',
    REGISTRATION: env.REGISTRATION ?? 'open',
    AUTH_ISSUER: `http://127.0.0.1:${options.port}`,
    AUTH_AUDIENCE: 'ai-cloud-storage',
    ACCESS_TOKEN_SECONDS: env.ACCESS_TOKEN_SECONDS ?? '3600',
    MAX_UPLOAD_BYTES: env.MAX_UPLOAD_BYTES ?? String(UPLOAD_BYTES),
    CORS_ORIGINS: env.CORS_ORIGINS ?? '',
    ...fromEnvironment([...AI_VARIABLES, ...TRACE_VARIABLES, 'RATE_LIMIT_SCALE']),
  };
}

/** Of those that are set; an empty one counts as not set. */
function fromEnvironment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** Readable by its user only: there are secrets in it. */
async function noteBindings(dataDir: string, bindings: Readonly<Record<string, string>>) {
  const path = join(dataDir, BINDINGS_FILE);
  await writeFile(path, JSON.stringify(bindings), { mode: 0o600 });
  return { stop: () => rm(path, { force: true }) };
}

function startCron(workers: Workers): { stop(): Promise<void> } {
  const timer = setInterval(() => workers.runCron().catch(() => undefined), CRON_MS);
  return { stop: async () => clearInterval(timer) };
}

async function embeddingModel(sidecar: ChildService): Promise<SidecarReady['models'][string] | undefined> {
  const response = await fetch(`http://127.0.0.1:${sidecar.port}/readyz`, {
    signal: AbortSignal.timeout(2_000),
  });
  return Object.values(sidecarReadySchema.parse(await response.json()).models)[0];
}

/** What a service says while it starts, for the person who waits; details stay in its log file. */
function relay(log: (line: string) => void, name: string, line: string): void {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('message' in entry)) return;
    const level = 'level' in entry ? entry.level : 'info';
    const isNews = name === 'sidecar' ? level !== 'debug' && !('path' in entry) : level === 'error';
    if (isNews)
      log(`${name}: ${String(entry.message)}${'reason' in entry ? ` (${String(entry.reason)})` : ''}`);
  } catch {
    log(`${name}: ${line}`);
  }
}
