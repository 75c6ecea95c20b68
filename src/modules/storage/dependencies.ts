import { v7 as uuidv7 } from 'uuid';
import { checkSidecar } from '../../contracts/sidecar-alive.ts';
import { createSidecarFiles } from '../../contracts/sidecar-files.ts';
import type { Cache } from '../../core/cache/cache.ts';
import type { RateLimiter } from '../../core/cache/rate-limiter.ts';
import { scaleLimits } from '../../core/cache/rate-limiter.ts';
import { createUpstashCache } from '../../core/cache/upstash-cache.ts';
import { pingRedis } from '../../core/cache/upstash-ping.ts';
import { createUpstashRateLimiter } from '../../core/cache/upstash-rate-limiter.ts';
import { parseConfig } from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import { checkDatabase } from '../../core/database/latest-migration.ts';
import { createQueueWakeUp, type WakeUp } from '../../core/events/wake-up.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import type { DependencyChecks } from '../../core/http/health.ts';
import { createVault } from '../../core/objects/create-vault.ts';
import { createS3ObjectStore } from '../../core/objects/s3-object-store.ts';
import { createKeyring } from '../../core/security/keyring.ts';
import { signServiceToken } from '../../core/security/service-token.ts';
import { createLogger, describeError, type Logger } from '../../core/telemetry/logger.ts';
import { storageConfigSchema } from './config.ts';
import { createIntegrity, type Integrity } from './dependencies/integrity.ts';
import { createSharing, type Sharing } from './dependencies/sharing.ts';
import { createTelling, type Telling } from './dependencies/telling.ts';
import { createUploading, type Uploading } from './dependencies/uploading.ts';
import { createAfterWrites, type MaintenanceTask } from './maintenance.ts';
import { createStampRepository } from './repository/answers.ts';
import { createDeletionRepository } from './repository/deletions.ts';
import { createDriveRepository } from './repository/drives.ts';
import { createEntryRepository } from './repository/entries.ts';
import { createEventRepository } from './repository/events.ts';
import { createFileRepository } from './repository/files.ts';
import { createIdempotencyRepository } from './repository/idempotency.ts';
import { createPreviewRepository } from './repository/previews.ts';
import { createTrashRepository } from './repository/trash.ts';
import { createGoneDriveRepository } from './repository/trash-purge.ts';
import { createUploadRepository } from './repository/uploads.ts';
import { createVersionRepository } from './repository/versions.ts';
import { createTreeRepository } from './repository/zip.ts';
import { type Answers, createAnswers } from './service/answers.ts';
import { type ContentService, createContentService } from './service/content.ts';
import { createDeletions } from './service/deletions.ts';
import { createDownloadService, type DownloadService } from './service/downloads.ts';
import { createDriveService, type DriveService } from './service/drives.ts';
import { createFileService, type FileService } from './service/files.ts';
import { createIdempotency, type Idempotency } from './service/idempotency.ts';
import { createMediaTypes } from './service/media-type.ts';
import { createPreviewService, type PreviewService } from './service/previews.ts';
import { createRuleActions, type RuleActions } from './service/rule-actions.ts';
import {
  createGoneDrives,
  createTrashRetention,
  createTrashService,
  type TrashService,
} from './service/trash.ts';
import { createUploadMachine, type UploadMachine } from './service/uploads.ts';
import { createVersionRetention, createVersionService, type VersionService } from './service/versions.ts';
import { createWrappedKeys } from './service/wrapped-keys.ts';
import { createZipService, type ZipService } from './service/zip.ts';

/** The use cases of the module, one per room, for handlers. */
export interface StorageServices {
  readonly files: FileService;
  readonly ruleActions: RuleActions;
  readonly drives: DriveService;
  readonly content: ContentService;
  readonly downloads: DownloadService;
  readonly previews: PreviewService;
  readonly zip: ZipService;
  readonly uploads: UploadMachine;
  readonly multipart: Uploading['multipart'];
  readonly tus: Uploading['tus'];
  readonly trash: TrashService;
  readonly versions: VersionService;
  readonly idempotency: Idempotency;
  readonly answers: Answers;
  readonly grants: Sharing['grants'];
  readonly comments: Sharing['comments'];
  readonly links: Sharing['links'];
  readonly sharedLinks: Sharing['sharedLinks'];
  readonly changes: Telling['changes'];
  readonly webhooks: Telling['webhooks'];
  readonly fsck: Integrity['fsck'];
}

export interface StorageDependencies {
  readonly services: StorageServices;
  readonly guard: Guard;
  readonly limiter: RateLimiter;
  readonly serviceTokenSecret: string;
  readonly wakeUp: WakeUp;
  readonly logger: Logger;
  /** What cron does, in this order. */
  readonly maintenance: readonly MaintenanceTask[];
  readonly afterWrites: () => Promise<void> | undefined;
  readonly checks: DependencyChecks;
}

const NO_CACHE: Cache = {
  get: async () => undefined,
  set: async () => {},
  delete: async () => {},
};

export function createStorageDependencies(env: object): StorageDependencies {
  const config = parseConfig('storage', storageConfigSchema, env);
  const logger = createLogger(config.LOG_LEVEL, { module: 'storage' });
  const db = createDatabase(config);
  const store = createS3ObjectStore(config);
  const keyring = createKeyring(config.STORAGE_ENCRYPTION_KEYS);
  const fileRepository = createFileRepository(db);
  const vault = createVault({
    store,
    encryption: config.OBJECT_ENCRYPTION,
    kmsKeyId: config.S3_KMS_KEY_ID,
    keyring,
    onDamage: (object, error) => {
      logger.error('an object is damaged', { objectId: object.id, error: describeError(error) });
      // Whoever reads it has got an error; what becomes of it is decided by whoever looks at all of it.
      fileRepository.suspectObject(object.id).catch(() => undefined);
    },
  });
  const keys = createWrappedKeys(store);
  const integrity = createIntegrity(config, { db, store, vault, keys, logger });
  const quota = { bytes: config.DRIVE_QUOTA_BYTES, entries: config.DRIVE_QUOTA_ENTRIES };
  const entryRepository = createEntryRepository(db, quota);
  const uploadRepository = createUploadRepository(db, quota);
  const uploads = createUploadMachine({
    repository: uploadRepository,
    vault,
    keys,
    newId,
    mediaType: createMediaTypes(vault, ({ id }, error) =>
      logger.warn('media type not determined', { objectId: id, error: describeError(error) }),
    ),
    scans: config.MALWARE_SCAN !== 'off',
  });
  const deletions = createDeletions({
    repository: createDeletionRepository(db),
    store,
    keyIds: config.STORAGE_ENCRYPTION_KEYS.map(({ id }) => id),
  });
  const answers = createAnswers({
    stamps: createStampRepository(db),
    cache: config.ANSWER_CACHE === 'on' ? createUpstashCache(config, logger) : NO_CACHE,
  });
  const idempotency = createIdempotency({
    repository: createIdempotencyRepository(db),
    keyring,
    newUuid: uuidv7,
  });
  const trashRepository = createTrashRepository(db);
  const versionRepository = createVersionRepository(db, quota);
  const trash = createTrashService({ repository: trashRepository, freeName: uploadRepository.freeName });
  const versions = createVersionService({ files: fileRepository, repository: versionRepository, newId });
  const files = createFileService({
    files: fileRepository,
    entries: entryRepository,
    newId,
  });
  const content = createContentService({
    files: fileRepository,
    events: createEventRepository(db),
    uploads,
    vault,
    maxUploadBytes: config.MAX_UPLOAD_BYTES,
  });
  const downloads = createDownloadService({
    files: fileRepository,
    vault,
    holdsUnscanned: config.MALWARE_SCAN === 'hold',
  });
  const zip = createZipService({ trees: createTreeRepository(db), downloads });
  const sidecar = createSidecarFiles({
    url: config.SIDECAR_URL,
    serviceToken: () => signServiceToken(config.SERVICE_TOKEN_SECRET, 'storage', 'sidecar', new Date()),
  });
  const previews = createPreviewService({
    previews: createPreviewRepository(db),
    sidecar,
    downloads,
    vault,
    newId,
  });
  const limiter = scaleLimits(createUpstashRateLimiter(config, logger), config.RATE_LIMIT_SCALE);
  const guard = createGuard({ config, db, limiter, auth: config.AUTH });
  const sharing = createSharing({
    db,
    keyring,
    limiter,
    guard,
    files: fileRepository,
    entries: entryRepository,
    content,
    downloads,
    zip,
  });
  const uploading = createUploading(config, {
    ...{ db, store, vault, uploads, sidecar, logger },
    files: fileRepository,
  });
  const telling = createTelling(config, db, keyring, fileRepository);
  const maintenance: MaintenanceTask[] = [
    { name: 'idempotency keys', run: idempotency.removeOld },
    { name: 'trash', run: createTrashRetention(trashRepository, config.TRASH_DAYS).run },
    { name: 'versions', run: createVersionRetention(versionRepository).run },
    { name: 'gone drives', run: createGoneDrives(createGoneDriveRepository(db), config.GONE_DRIVE_DAYS).run },
    ...uploading.maintenance,
    { name: 'object deletions', run: deletions.run, afterWrites: true },
    ...telling.maintenance,
    ...integrity.maintenance,
  ];
  return {
    services: {
      files,
      ruleActions: createRuleActions(files),
      drives: createDriveService(createDriveRepository(db, quota)),
      content,
      downloads,
      previews,
      zip,
      uploads,
      multipart: uploading.multipart,
      tus: uploading.tus,
      trash,
      versions,
      idempotency,
      answers,
      ...sharing,
      changes: telling.changes,
      webhooks: telling.webhooks,
      fsck: integrity.fsck,
    },
    guard,
    limiter,
    serviceTokenSecret: config.SERVICE_TOKEN_SECRET,
    wakeUp: createQueueWakeUp(config.EVENTS, logger),
    logger,
    maintenance,
    afterWrites: createAfterWrites(maintenance, logger, Date.now, config.AFTER_WRITES_MS),
    checks: {
      postgres: { isRequired: true, ask: () => checkDatabase(db) },
      s3: { isRequired: true, ask: () => store.check() },
      redis: { isRequired: false, ask: () => pingRedis(config) },
      sidecar: { isRequired: false, ask: () => checkSidecar(config.SIDECAR_URL) },
    },
  };
}
