import type { Vault } from '../../../core/objects/vault.ts';
import type { UploadPartsRepository } from '../ports/upload-parts.ts';
import type { UploadListing, UploadUpkeepRepository } from '../ports/upload-upkeep.ts';
import { eachInTurn } from './each-in-turn.ts';
import { BYTES_MAY_COME_SECONDS } from './give-up.ts';
import type { UploadMachine } from './uploads.ts';

export interface UploadUpkeepDependencies {
  readonly repository: UploadUpkeepRepository;
  readonly parts: Pick<UploadPartsRepository, 'forget'>;
  readonly uploads: UploadMachine;
  readonly vault: Vault;
  readonly store: UploadListing;
  /** The bucket is this database's: of another one's it knows no rows. */
  readonly isOurs: () => Promise<boolean>;
  readonly now: () => number;
}

const BATCH = 50;
const PAGE = 1_000;
const PAGES = 5;
/** A row is written moments after the store's upload, or the tail: what has none for so long never gets one. */
const UNKNOWN_MS = 24 * 3_600_000;

/**
 * Ends what nobody goes on with: uploads whose time is over; parts of aborted uploads; rows of uploads that ended a week
 * ago; multipart uploads and tails in the bucket, a day old, that no row names. It touches nothing else.
 */
export function createUploadUpkeep(dependencies: UploadUpkeepDependencies): () => Promise<void> {
  const { repository, parts, uploads, vault, store, isOurs, now } = dependencies;
  const isOld = (at: Date) => at.getTime() < now() - UNKNOWN_MS;

  async function abortUnknown(): Promise<void> {
    let page: Parameters<UploadListing['multipart']['list']>[0] | null = { prefix: 'objects/', limit: PAGE };
    for (let left = PAGES; page !== null && left > 0; left -= 1) {
      const listed = await store.multipart.list(page);
      const old = listed.uploads.filter(({ startedAt }) => isOld(startedAt));
      for (const { key, uploadId } of await repository.unknown(old))
        await store.multipart.abort(key, uploadId);
      page = listed.next && { prefix: 'objects/', limit: PAGE, after: listed.next };
    }
  }

  async function forgetTails(): Promise<void> {
    let page: Parameters<UploadListing['list']>[0] | null = { prefix: 'tails/', limit: PAGE };
    for (let left = PAGES; page !== null && left > 0; left -= 1) {
      const listed = await store.list(page);
      const old = listed.objects.filter(({ modifiedAt }) => isOld(modifiedAt)).map(({ key }) => key);
      for (const key of await repository.unknownTails(old)) await parts.forget(key, 0);
      page = listed.next === null ? null : { prefix: 'tails/', limit: PAGE, after: listed.next };
    }
  }

  return async () => {
    for (const id of await repository.expired(BATCH))
      await uploads.abort(id, 'upload_expired', BYTES_MAY_COME_SECONDS);
    await repository.removeEnded(PAGE);
    if (await isOurs()) {
      await abortUnknown();
      await forgetTails();
    }
    // Last: one that the store does not let go of would be in the way of everything else each time.
    await eachInTurn(await repository.abandoned(BATCH), async ({ id, object, storeUploadId }) => {
      await vault.abort(object, storeUploadId);
      await repository.cleared(id);
    });
  };
}
