import { z } from 'zod';
import {
  accessTokenConfigSchema,
  databaseConfigSchema,
  fetcherSchema,
  objectsConfigSchema,
  parseConfig,
  runtimeConfigSchema,
  serviceTokenConfigSchema,
} from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import { createQueueWakeUp, queueSchema, type WakeUp } from '../../core/events/wake-up.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import { digestWhileReading, sha256Hex } from '../../core/objects/digest.ts';
import { createS3ObjectStore } from '../../core/objects/s3-object-store.ts';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createStorageRepository } from './repository/storage-repository.ts';
import { createStorageService, type StorageService } from './service.ts';

const MIB = 1024 * 1024;

export const storageConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...objectsConfigSchema.shape,
  ...accessTokenConfigSchema.shape,
  ...serviceTokenConfigSchema.shape,
  AUTH: fetcherSchema,
  EVENTS: queueSchema,
  /** One request's body; Cloudflare's smaller plans allow 100 MB. */
  MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(100 * MIB),
});

export interface StorageDependencies {
  readonly service: StorageService;
  readonly guard: Guard;
  readonly serviceTokenSecret: string;
  readonly wakeUp: WakeUp;
  /** Answers when database and object store do. */
  readonly check: () => Promise<void>;
}

export function createStorageDependencies(env: object): StorageDependencies {
  const config = parseConfig('storage', storageConfigSchema, env);
  const objects = createS3ObjectStore(config);
  const db = createDatabase(config);
  return {
    service: createStorageService({
      repository: createStorageRepository(db),
      objects,
      newId,
      digest: (body, size) =>
        body instanceof Uint8Array ? { body, sha256: sha256Hex(body) } : digestWhileReading(body, size),
      maxUploadBytes: config.MAX_UPLOAD_BYTES,
    }),
    guard: createGuard({ config, db, auth: config.AUTH }),
    serviceTokenSecret: config.SERVICE_TOKEN_SECRET,
    wakeUp: createQueueWakeUp(config.EVENTS, createLogger(config.LOG_LEVEL, { module: 'storage' })),
    check: async () => {
      await Promise.all([db.execute('select 1'), objects.check()]);
    },
  };
}
