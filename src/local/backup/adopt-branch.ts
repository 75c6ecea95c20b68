import { createVault } from '../../core/objects/create-vault.ts';
import type { ObjectStore } from '../../core/objects/object-store.ts';
import { createKeyring } from '../../core/security/keyring.ts';
import type { JournalState } from '../../modules/storage/ports/journal.ts';
import { newState } from '../../modules/storage/service/journal.ts';
import { createJournalFiles } from '../../modules/storage/service/journal-files.ts';
import type { DeploymentConfig } from '../deployment.ts';
import { newLifeStatements } from './settle.ts';
import type { BackupDatabase } from './sql.ts';

export interface Adoption {
  readonly config: DeploymentConfig;
  readonly database: BackupDatabase;
  readonly store: ObjectStore;
  readonly now: () => Date;
}

/**
 * A database that its server put back to an earlier moment, as Neon does with a branch: what others remember of the time
 * that did not happen must not be taken for the present.
 */
export async function adoptBranch(adoption: Adoption): Promise<void> {
  const journal = await nextJournal(adoption);
  await adoption.database.run(newLifeStatements(journal, adoption.now(), 'branch'));
}

/** Behind all that the bucket's journal has, whatever the clock says: this database is the one that goes on with it. */
export async function nextJournal({
  config,
  store,
  now,
}: Pick<Adoption, 'config' | 'store' | 'now'>): Promise<JournalState> {
  const keyring = createKeyring(config.STORAGE_ENCRYPTION_KEYS);
  const { OBJECT_ENCRYPTION: encryption, S3_KMS_KEY_ID: kmsKeyId } = config;
  const vault = createVault({ store, keyring, encryption, kmsKeyId });
  const names = await createJournalFiles({ store, vault, keyring }).list();
  return newState(Math.max(now().getTime(), ...names.map(({ epoch }) => Number(epoch) + 1)));
}
