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
import { createS3ObjectStore } from '../core/objects/s3-object-store.ts';
import { createKeyring } from '../core/security/keyring.ts';
import { createLogger } from '../core/telemetry/logger.ts';
import { createIntegrity, type Integrity } from '../modules/storage/dependencies/integrity.ts';
import { createWrappedKeys } from '../modules/storage/service/wrapped-keys.ts';
import { BINDINGS_FILE } from './stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const DAY_SECONDS = 24 * 3_600;

const configSchema = z
  .object({
    ...databaseConfigSchema.shape,
    ...objectsConfigSchema.shape,
    ...vaultConfigSchema.shape,
    ORPHAN_GRACE_SECONDS: z.coerce.number().int().min(0).default(DAY_SECONDS),
    UPLOAD_LIFETIME_SECONDS: z.coerce
      .number()
      .int()
      .positive()
      .default(7 * DAY_SECONDS),
  })
  .superRefine(vaultConfigRule);

/** The deployment that the environment names (`DATABASE_URL`, `S3_…`), else the one that `npm start` runs here. */
export async function openIntegrity(tool: string): Promise<Integrity> {
  const config = parseConfig(
    tool,
    configSchema,
    process.env.DATABASE_URL ? process.env : await localBindings(),
  );
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

async function localBindings(): Promise<unknown> {
  const dataDir = resolve(ROOT, process.env.ACS_DATA_DIR ?? '.data');
  const text = await readFile(join(dataDir, BINDINGS_FILE), 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new Error(
      `Nothing runs on ${dataDir}: start it with npm start, or set DATABASE_URL and S3_… to a deployment.`,
    );
  return JSON.parse(text);
}
