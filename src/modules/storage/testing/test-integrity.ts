import { z } from 'zod';
import { databaseConfigSchema, objectsConfigSchema, vaultConfigSchema } from '../../../core/config/config.ts';
import { createDatabase } from '../../../core/database/client.ts';
import { createVault } from '../../../core/objects/create-vault.ts';
import type { ObjectStore } from '../../../core/objects/object-store.ts';
import { createS3ObjectStore } from '../../../core/objects/s3-object-store.ts';
import { createKeyring } from '../../../core/security/keyring.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { createIntegrity, type Integrity } from '../dependencies/integrity.ts';
import { createWrappedKeys } from '../service/wrapped-keys.ts';
import type { TestSystem } from './test-system.ts';

const configSchema = z.object({
  ...databaseConfigSchema.shape,
  ...objectsConfigSchema.shape,
  ...vaultConfigSchema.shape,
  ORPHAN_GRACE_SECONDS: z.coerce.number().default(86_400),
  UPLOAD_LIFETIME_SECONDS: z.coerce.number().default(604_800),
});

/** What the tools of `src/local` use, on the data of a test system; `broken` is a rebuild that stops in the middle. */
export function startIntegrity(system: TestSystem): Integrity & { readonly broken: Integrity['rebuild'] } {
  const config = configSchema.parse(system.env);
  const db = createDatabase(config);
  const own = createS3ObjectStore(config);
  const keyring = createKeyring(config.STORAGE_ENCRYPTION_KEYS);
  const logger = createLogger('silent', {});
  const over = (store: ObjectStore) => {
    const vault = createVault({ store, encryption: config.OBJECT_ENCRYPTION, keyring });
    return createIntegrity(config, { db, store, vault, keys: createWrappedKeys(store), logger });
  };
  const list: ObjectStore['list'] = async (page) => {
    if (page.prefix === 'objects/') throw new Error('broken off');
    return own.list(page);
  };
  return { ...over(own), broken: over({ ...own, list }).rebuild };
}
