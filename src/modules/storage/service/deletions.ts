import type { DeletingStore, DeletionRepository } from '../ports/deletions.ts';
import { copyKeyOf } from './wrapped-keys.ts';

export type Deletions = ReturnType<typeof createDeletions>;

const AT_ONCE = 200;
const LEASE_SECONDS = 60;
const ROUNDS = 25;

/** Takes out of the bucket what no row names any more. A key that could not be deleted comes up again, ever later. */
export function createDeletions({
  repository,
  store,
  keyIds,
}: {
  readonly repository: DeletionRepository;
  readonly store: DeletingStore;
  /** Key-encryption keys that data keys may be wrapped under: with an object goes its key, which makes it erasure. */
  readonly keyIds: readonly string[];
}) {
  return {
    async run(): Promise<void> {
      for (let round = 0; round < ROUNDS; round += 1) {
        const keys = await repository.claim(AT_ONCE, LEASE_SECONDS);
        if (keys.length === 0) return;
        const objectKeys = keys.filter((key) => key.startsWith('objects/'));
        await store.deleteMany(keyIds.flatMap((id) => objectKeys.map((key) => copyKeyOf(id, key))));
        await store.deleteMany(keys);
        await repository.done(keys);
      }
    },
  };
}
