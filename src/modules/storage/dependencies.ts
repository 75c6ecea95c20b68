import { v7 as uuidv7 } from 'uuid';
import { parseConfig } from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import { createQueueWakeUp, type WakeUp } from '../../core/events/wake-up.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import { createVault } from '../../core/objects/create-vault.ts';
import { createS3ObjectStore } from '../../core/objects/s3-object-store.ts';
import { createKeyring } from '../../core/security/keyring.ts';
import { createLogger, type Logger } from '../../core/telemetry/logger.ts';
import { storageConfigSchema } from './config.ts';
import { createAfterWrites, type MaintenanceTask } from './maintenance.ts';
import { createDeletionRepository } from './repository/deletions.ts';
import { createEventRepository } from './repository/events.ts';
import { createFileRepository } from './repository/files.ts';
import { createIdempotencyRepository } from './repository/idempotency.ts';
import { createUploadRepository } from './repository/uploads.ts';
import { type ContentService, createContentService } from './service/content.ts';
import { createDeletions } from './service/deletions.ts';
import { createFileService, type FileService } from './service/files.ts';
import { createIdempotency, type Idempotency } from './service/idempotency.ts';
import { createUploadMachine, type UploadMachine } from './service/uploads.ts';

/** The use cases of the module, one per room, for handlers. */
export interface StorageServices {
  readonly files: FileService;
  readonly content: ContentService;
  readonly uploads: UploadMachine;
  readonly idempotency: Idempotency;
}

export interface StorageDependencies {
  readonly services: StorageServices;
  readonly guard: Guard;
  readonly serviceTokenSecret: string;
  readonly wakeUp: WakeUp;
  readonly logger: Logger;
  /** What cron does, in this order. */
  readonly maintenance: readonly MaintenanceTask[];
  readonly afterWrites: () => Promise<void> | undefined;
  /** Answers when database and object store do. */
  readonly check: () => Promise<void>;
}

export function createStorageDependencies(env: object): StorageDependencies {
  const config = parseConfig('storage', storageConfigSchema, env);
  const logger = createLogger(config.LOG_LEVEL, { module: 'storage' });
  const db = createDatabase(config);
  const store = createS3ObjectStore(config);
  const keyring = createKeyring(config.STORAGE_ENCRYPTION_KEYS);
  const vault = createVault({
    store,
    encryption: config.OBJECT_ENCRYPTION,
    kmsKeyId: config.S3_KMS_KEY_ID,
    keyring,
  });
  const quota = { bytes: config.DRIVE_QUOTA_BYTES, entries: config.DRIVE_QUOTA_ENTRIES };
  const fileRepository = createFileRepository(db, quota.entries);
  const uploads = createUploadMachine({
    repository: createUploadRepository(db, quota),
    vault,
    newId,
    mediaType: async (_object, announced) => ({ contentType: announced, announcedType: null }),
    scans: false,
  });
  const deletions = createDeletions({ repository: createDeletionRepository(db), store });
  const idempotency = createIdempotency({
    repository: createIdempotencyRepository(db),
    keyring,
    newUuid: uuidv7,
  });
  const files = createFileService({ files: fileRepository, newId });
  const content = createContentService({
    files: fileRepository,
    events: createEventRepository(db),
    uploads,
    vault,
    newId,
    maxUploadBytes: config.MAX_UPLOAD_BYTES,
  });
  const maintenance: MaintenanceTask[] = [
    { name: 'idempotency keys', run: idempotency.removeOld },
    { name: 'object deletions', run: deletions.run, afterWrites: true },
  ];
  return {
    services: { files, content, uploads, idempotency },
    guard: createGuard({ config, db, auth: config.AUTH }),
    serviceTokenSecret: config.SERVICE_TOKEN_SECRET,
    wakeUp: createQueueWakeUp(config.EVENTS, logger),
    logger,
    maintenance,
    afterWrites: createAfterWrites(maintenance, logger, Date.now),
    check: async () => {
      await Promise.all([db.execute('select 1'), store.check()]);
    },
  };
}
