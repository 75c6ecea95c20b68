import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { uploads } from '../../../core/database/schema/storage.ts';
import type { UploadUpkeepRepository } from '../ports/upload-upkeep.ts';

export function createUploadUpkeepRepository(db: Database): UploadUpkeepRepository {
  return {
    async expired(limit) {
      const rows = await db
        .select({ id: uploads.id })
        .from(uploads)
        .where(and(eq(uploads.state, 'active'), lte(uploads.expiresAt, sql`now()`)))
        .orderBy(asc(uploads.expiresAt))
        .limit(limit);
      return rows.map(({ id }) => id);
    },

    async abandoned(limit) {
      const { id, objectId, objectKey, encryption, wrappedKey, storeUploadId } = uploads;
      const rows = await db
        .select({ id, objectId, objectKey, encryption, wrappedKey, storeUploadId })
        .from(uploads)
        .where(and(eq(uploads.state, 'aborted'), isNotNull(uploads.storeUploadId)))
        .orderBy(asc(uploads.expiresAt))
        .limit(limit);
      return rows.flatMap((row) =>
        row.storeUploadId === null
          ? []
          : {
              id: row.id,
              storeUploadId: row.storeUploadId,
              object: {
                id: row.objectId,
                key: row.objectKey,
                encryption: row.encryption,
                wrappedKey: row.wrappedKey,
              },
            },
      );
    },

    async cleared(uploadId) {
      await db
        .update(uploads)
        .set({ storeUploadId: null })
        .where(and(eq(uploads.id, uploadId), eq(uploads.state, 'aborted')));
    },

    async removeEnded(limit) {
      await db.execute(sql`
        delete from storage.uploads u using (
          select e.id from storage.uploads e where e.state <> 'active' and e.expires_at <= now()
            and (e.state = 'completed' or e.store_upload_id is null)
          order by e.expires_at limit ${limit} for update skip locked
        ) ended where u.id = ended.id`);
    },

    async unknown(marks) {
      const keys = marks.map(({ key }) => key);
      if (keys.length === 0) return [];
      const rows = await db
        .select({ key: uploads.objectKey, uploadId: uploads.storeUploadId })
        .from(uploads)
        .where(and(inArray(uploads.objectKey, keys), eq(uploads.state, 'active')));
      return marks.filter(
        ({ key, uploadId }) => !rows.some((row) => row.key === key && row.uploadId === uploadId),
      );
    },

    async unknownTails(keys) {
      const ours = keys.flatMap((key) => {
        const uploadId = /^tails\/(upl_[0-9a-f]{32})\//.exec(key)?.[1];
        return uploadId === undefined ? [] : { key, uploadId };
      });
      if (ours.length === 0) return [];
      const rows = await db
        .select({ key: uploads.tailKey })
        .from(uploads)
        .where(
          inArray(
            uploads.id,
            ours.map(({ uploadId }) => uploadId),
          ),
        );
      const known = new Set(rows.map(({ key }) => key));
      return ours.flatMap(({ key }) => (known.has(key) ? [] : key));
    },
  };
}
