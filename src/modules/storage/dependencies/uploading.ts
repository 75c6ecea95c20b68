import type { SidecarFiles } from '../../../contracts/sidecar-files.ts';
import type { Database } from '../../../core/database/client.ts';
import { newId } from '../../../core/database/columns.ts';
import type { ObjectStore } from '../../../core/objects/object-store.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import type { StorageConfig } from '../config.ts';
import type { MaintenanceTask } from '../maintenance.ts';
import type { FileRepository } from '../ports/files.ts';
import { createIntegrityRepository } from '../repository/integrity.ts';
import { createObjectCheckRepository } from '../repository/object-checks.ts';
import { createUploadPartsRepository } from '../repository/upload-parts.ts';
import { createUploadUpkeepRepository } from '../repository/upload-upkeep.ts';
import { createAssembly } from '../service/assembly.ts';
import { createMultipartUploads, type MultipartUploads } from '../service/multipart-uploads.ts';
import { createObjectChecks } from '../service/object-checks.ts';
import { createTus, type Tus } from '../service/tus.ts';
import { createUploadUpkeep } from '../service/upload-upkeep.ts';
import type { UploadMachine } from '../service/uploads.ts';

/** The doors for uploads in parts, and what looks after them. */
export interface Uploading {
  readonly multipart: MultipartUploads;
  readonly tus: Tus;
  readonly maintenance: readonly MaintenanceTask[];
}

export interface UploadingDependencies {
  readonly db: Database;
  readonly store: ObjectStore;
  readonly vault: Vault;
  readonly files: FileRepository;
  readonly uploads: UploadMachine;
  readonly sidecar: SidecarFiles;
  readonly logger: Logger;
}

export function createUploading(config: StorageConfig, dependencies: UploadingDependencies): Uploading {
  const { db, store, vault, files, uploads, sidecar, logger } = dependencies;
  const quota = { bytes: config.DRIVE_QUOTA_BYTES, entries: config.DRIVE_QUOTA_ENTRIES };
  const repository = createUploadPartsRepository(db, quota);
  const assembly = createAssembly({ vault, uploads });
  const shared = { files, repository, uploads, assembly, vault, now: Date.now };
  const lifetimeSeconds = config.UPLOAD_LIFETIME_SECONDS;
  const upkeep = createUploadUpkeep({
    repository: createUploadUpkeepRepository(db),
    parts: repository,
    uploads,
    vault,
    store,
    isOurs: createIntegrityRepository(db).isOurs,
    now: Date.now,
  });
  const checks = createObjectChecks({
    repository: createObjectCheckRepository(db),
    vault,
    sidecar,
    scan: config.MALWARE_SCAN,
    now: Date.now,
    onPostponed: (objectId, error) =>
      logger.warn('object not checked yet', { objectId, error: describeError(error) }),
    onUnscanned: (objectId, reason) => logger.warn('object not scanned', { objectId, reason }),
  });
  return {
    multipart: createMultipartUploads({ ...shared, lifetimeSeconds }),
    tus: createTus({
      ...shared,
      newId,
      newToken: () => crypto.randomUUID(),
      lifetimeSeconds,
      maxBodyBytes: config.MAX_UPLOAD_BYTES,
    }),
    maintenance: [
      { name: 'uploads', run: upkeep },
      // What is to be scanned is scanned soon: it is handed out meanwhile, or somebody waits for it.
      { name: 'object checks', run: checks, afterWrites: config.MALWARE_SCAN !== 'off' },
    ],
  };
}
