import type { Database } from '../../../core/database/client.ts';
import type { ObjectStore } from '../../../core/objects/object-store.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import { createKeyring, type KeyringKeys } from '../../../core/security/keyring.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import type { MaintenanceTask } from '../maintenance.ts';
import { createIntegrityRepository } from '../repository/integrity.ts';
import { createJournalRepository } from '../repository/journal.ts';
import { createKeyRotationRepository } from '../repository/key-rotation.ts';
import { createRebuildRepository } from '../repository/rebuild.ts';
import { createFsck, type Fsck } from '../service/integrity/fsck.ts';
import { createSweep } from '../service/integrity/sweep.ts';
import { createJournal } from '../service/journal.ts';
import { createJournalFiles } from '../service/journal-files.ts';
import { createKeyRotation } from '../service/key-rotation.ts';
import { createMediaTypes } from '../service/media-type.ts';
import { createRebuild } from '../service/rebuild.ts';
import type { WrappedKeys } from '../service/wrapped-keys.ts';

/** That database and bucket agree, and that either explains itself; for the module and for the tools of `src/local`. */
export interface Integrity {
  readonly fsck: Fsck;
  readonly rebuild: ReturnType<typeof createRebuild>;
  readonly maintenance: readonly MaintenanceTask[];
}

export interface IntegrityConfig {
  readonly STORAGE_ENCRYPTION_KEYS: KeyringKeys;
  readonly ORPHAN_GRACE_SECONDS: number;
  readonly UPLOAD_LIFETIME_SECONDS: number;
}

export interface IntegrityDependencies {
  readonly db: Database;
  readonly store: ObjectStore;
  readonly vault: Vault;
  readonly keys: WrappedKeys;
  readonly logger: Logger;
}

const DAY_SECONDS = 24 * 3_600;

export function createIntegrity(
  config: IntegrityConfig,
  { db, store, vault, keys, logger }: IntegrityDependencies,
): Integrity {
  const keyring = createKeyring(config.STORAGE_ENCRYPTION_KEYS);
  const keyIds = config.STORAGE_ENCRYPTION_KEYS.map(({ id }) => id);
  const files = createJournalFiles({ store, vault, keyring });
  const limits = {
    graceSeconds: config.ORPHAN_GRACE_SECONDS,
    youngSeconds: config.UPLOAD_LIFETIME_SECONDS,
  };
  const repository = createIntegrityRepository(db);
  const shared = { repository, store, vault, now: Date.now, ...limits };
  const journal = createJournal({
    repository: createJournalRepository(db),
    files,
    newToken: () => crypto.randomUUID(),
    now: Date.now,
    onForeign: () => logger.error('the bucket is about another database', { repair: 'npm run rebuild' }),
  });
  const { currentPrefix } = keyring;
  const rotation = createKeyRotation({
    repository: createKeyRotationRepository(db),
    keys,
    vault,
    currentPrefix,
  });
  return {
    fsck: createFsck({
      ...shared,
      onDamage: ({ kind, objectId, detail }) => logger.error('object damaged', { kind, objectId, detail }),
    }),
    rebuild: createRebuild({
      repository: createRebuildRepository(db),
      ...{ files, keys, keyIds, vault, store },
      mediaType: createMediaTypes(vault, ({ id }, error) =>
        logger.warn('media type not determined', { objectId: id, error: describeError(error) }),
      ),
      now: Date.now,
      strayMs: (config.UPLOAD_LIFETIME_SECONDS + DAY_SECONDS) * 1_000,
    }),
    maintenance: [
      { name: 'journal', run: journal.run, afterWrites: true },
      { name: 'key rotation', run: rotation.run },
      { name: 'sweep', run: createSweep(shared).run },
    ],
  };
}
