import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  databaseConfigSchema,
  objectsConfigSchema,
  parseConfig,
  vaultConfigRule,
  vaultConfigSchema,
} from '../core/config/config.ts';
import { createDatabase } from '../core/database/client.ts';
import { createVault } from '../core/objects/create-vault.ts';
import type { ObjectStore } from '../core/objects/object-store.ts';
import { createS3ObjectStore } from '../core/objects/s3-object-store.ts';
import { createKeyring, keyringSchema } from '../core/security/keyring.ts';
import { createLogger } from '../core/telemetry/logger.ts';
import { createIntegrity, type Integrity } from '../modules/storage/dependencies/integrity.ts';
import { createWrappedKeys } from '../modules/storage/service/wrapped-keys.ts';
import { startDataServices } from './data-services.ts';
import { BINDINGS_FILE } from './stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const DAY_SECONDS = 24 * 3_600;

const configSchema = z
  .object({
    ...databaseConfigSchema.shape,
    ...objectsConfigSchema.shape,
    ...vaultConfigSchema.shape,
    /** Only to know, after a restore, whether it is the one of then. */
    AUTH_ENCRYPTION_KEYS: keyringSchema.optional(),
    ORPHAN_GRACE_SECONDS: z.coerce.number().int().min(0).default(DAY_SECONDS),
    UPLOAD_LIFETIME_SECONDS: z.coerce
      .number()
      .int()
      .positive()
      .default(7 * DAY_SECONDS),
  })
  .superRefine(vaultConfigRule);

export type DeploymentConfig = z.infer<typeof configSchema>;

/** A database and its bucket. */
export interface Deployment {
  readonly config: DeploymentConfig;
  readonly store: ObjectStore;
  /** It is this machine's, and nothing but these tools runs on it. */
  readonly isAlone: boolean;
  close(): Promise<void>;
}

/** The deployment that the environment names (`DATABASE_URL`, `S3_…`), else the one that `npm start` runs here. */
export async function openIntegrity(tool: string): Promise<Integrity> {
  const bindings = process.env.DATABASE_URL ? process.env : await localBindings();
  if (bindings === undefined)
    throw new Error(
      `Nothing runs on ${localDataDir()}: start it with npm start, or set DATABASE_URL and S3_… to a deployment.`,
    );
  const config = parseConfig(tool, configSchema, bindings);
  const db = createDatabase(config);
  const store = createS3ObjectStore(config);
  const vault = createVault({
    store,
    encryption: config.OBJECT_ENCRYPTION,
    kmsKeyId: config.S3_KMS_KEY_ID,
    keyring: createKeyring(config.STORAGE_ENCRYPTION_KEYS),
  });
  const logger = createLogger('silent', {});
  return createIntegrity(config, { db, store, vault, keys: createWrappedKeys(store), logger });
}

/**
 * The same deployment for tools that need no more than its database and bucket: where nothing runs on the local data
 * folder, these two are started, and stopped by `close`.
 * @param alone  true: the local system has to be stopped, for nobody may write
 * @throws DataDirInUseError when it runs all the same
 */
export async function openDeployment(tool: string, { alone }: { alone: boolean }): Promise<Deployment> {
  const running = process.env.DATABASE_URL ? process.env : alone ? undefined : await localBindings();
  const services = running === undefined ? await startDataServices(localDataDir()) : undefined;
  try {
    const config = parseConfig(tool, configSchema, running ?? services?.bindings);
    return {
      config,
      store: createS3ObjectStore(config),
      isAlone: services !== undefined,
      close: async () => services?.stop(),
    };
  } catch (error) {
    await services?.stop();
    throw error;
  }
}

const localDataDir = (): string => resolve(ROOT, process.env.ACS_DATA_DIR ?? '.data');

/** Undefined while nothing runs there. */
async function localBindings(): Promise<unknown> {
  const text = await readFile(join(localDataDir(), BINDINGS_FILE), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}
