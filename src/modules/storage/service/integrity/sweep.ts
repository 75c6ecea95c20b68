import type { ObjectStore } from '../../../../core/objects/object-store.ts';
import type { IntegrityRepository } from '../../ports/integrity.ts';
import { type FsckDependencies, orphansAmong } from './fsck.ts';

export type SweepDependencies = Pick<FsckDependencies, 'now' | 'graceSeconds' | 'youngSeconds'> & {
  readonly repository: IntegrityRepository;
  readonly store: Pick<ObjectStore, 'list'>;
};

const KEYS = 1_000;

/**
 * Goes round the bucket, a page each time, and puts what nothing names into quarantine; deletes what was there for long
 * enough and is still not named. It does nothing in a bucket that another database is about.
 */
export function createSweep(dependencies: SweepDependencies) {
  const { repository, store, graceSeconds } = dependencies;
  return {
    async run(): Promise<void> {
      if (!(await repository.isOurs())) return;
      await repository.release(graceSeconds, KEYS);
      const after = await repository.position();
      const page = await store.list({ prefix: '', limit: KEYS, ...(after === '' ? {} : { after }) });
      const pairs = page.objects.map((stored) => ({ key: stored.key, stored }));
      const orphans = await orphansAmong(dependencies, pairs);
      if (orphans.length > 0) await repository.quarantine(orphans);
      await repository.setPosition(page.next ?? '');
    },
  };
}
