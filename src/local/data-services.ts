import { join } from 'node:path';
import { type ChildService, startChildService } from './child-service.ts';
import { lockDataDir } from './postgres/data-dir-lock.ts';
import type { LocalSecrets } from './secrets.ts';
import { loadSecrets } from './secrets.ts';

/** Database and object store of a data folder: what `npm start` runs them with, and tools that need nothing else. */
export interface ServicePlan {
  readonly name: string;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

const PG_USER = 'acs';
const BUCKET = 'acs-files';

export function postgresPlan(dataDir: string, secrets: LocalSecrets): ServicePlan {
  const env = { DATA_DIR: join(dataDir, 'postgres'), PG_USER, PG_PASSWORD: secrets.postgresPassword };
  return { name: 'postgres', script: 'src/local/postgres/main.ts', env };
}

/** Undefined with an S3 outside. */
export function s3Plan(dataDir: string, secrets: LocalSecrets): ServicePlan | undefined {
  if (process.env.S3_ENDPOINT) return undefined;
  const env = {
    DATA_DIR: join(dataDir, 's3'),
    S3_REGION: 'auto',
    S3_ACCESS_KEY_ID: secrets.s3AccessKeyId,
    S3_SECRET_ACCESS_KEY: secrets.s3SecretAccessKey,
    S3_BUCKET: BUCKET,
  };
  return { name: 's3', script: 'src/local/s3/main.ts', env };
}

export type DataBindings = Readonly<
  Record<
    | 'DATABASE_URL'
    | 'DATABASE_FETCH_ENDPOINT'
    | `S3_${'ENDPOINT' | 'REGION' | 'BUCKET' | 'ACCESS_KEY_ID' | 'SECRET_ACCESS_KEY'}`
    | 'AUTH_ENCRYPTION_KEYS'
    | 'STORAGE_ENCRYPTION_KEYS'
    | 'OBJECT_ENCRYPTION',
    string
  >
>;

/** What whoever uses them is told. */
export function dataBindings(
  secrets: LocalSecrets,
  ports: { readonly postgres: number; readonly s3: number | undefined },
): DataBindings {
  const { env } = process;
  return {
    DATABASE_URL: `postgresql://${PG_USER}:${secrets.postgresPassword}@127.0.0.1/acs`,
    DATABASE_FETCH_ENDPOINT: `http://127.0.0.1:${ports.postgres}/sql`,
    S3_ENDPOINT: env.S3_ENDPOINT ?? `http://127.0.0.1:${ports.s3}`,
    S3_REGION: env.S3_REGION ?? 'auto',
    S3_BUCKET: (env.S3_ENDPOINT && env.S3_BUCKET) || BUCKET,
    S3_ACCESS_KEY_ID: (env.S3_ENDPOINT && env.S3_ACCESS_KEY_ID) || secrets.s3AccessKeyId,
    S3_SECRET_ACCESS_KEY: (env.S3_ENDPOINT && env.S3_SECRET_ACCESS_KEY) || secrets.s3SecretAccessKey,
    AUTH_ENCRYPTION_KEYS: secrets.authEncryptionKeys,
    STORAGE_ENCRYPTION_KEYS: secrets.storageEncryptionKeys,
    OBJECT_ENCRYPTION: env.OBJECT_ENCRYPTION ?? 'none',
  };
}

export interface DataServices {
  readonly bindings: DataBindings;
  stop(): Promise<void>;
}

/**
 * The two of them alone, while the rest of the system is stopped: nobody else reads or writes.
 * @throws DataDirInUseError while `npm start` runs on the folder
 */
export async function startDataServices(dataDir: string): Promise<DataServices> {
  const lock = await lockDataDir(dataDir);
  const started: ChildService[] = [];
  const stop = async () => {
    for (const service of started.splice(0)) await service.stop();
    await lock.release();
  };
  const start = async (plan: ServicePlan | undefined) => {
    if (plan === undefined) return undefined;
    const service = await startChildService({ ...plan, logDir: join(dataDir, 'logs') });
    started.push(service);
    return service.port;
  };
  try {
    const secrets = await loadSecrets(dataDir);
    const postgres = (await start(postgresPlan(dataDir, secrets))) ?? 0;
    const s3 = await start(s3Plan(dataDir, secrets));
    return { bindings: dataBindings(secrets, { postgres, s3 }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
