import type { DeletingStore, DeletionRepository } from '../ports/deletions.ts';

export type Deletions = ReturnType<typeof createDeletions>;

const AT_ONCE = 200;
const LEASE_SECONDS = 60;
const ROUNDS = 25;

/** Takes out of the bucket what no row names any more. A key that could not be deleted comes up again, ever later. */
export function createDeletions({
  repository,
  store,
}: {
  readonly repository: DeletionRepository;
  readonly store: DeletingStore;
}) {
  return {
    async run(): Promise<void> {
      for (let round = 0; round < ROUNDS; round += 1) {
        const keys = await repository.claim(AT_ONCE, LEASE_SECONDS);
        if (keys.length === 0) return;
        await store.deleteMany(keys);
        await repository.done(keys);
      }
    },
  };
}
