import { and, asc, eq, gt, isNull, ne, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { drives, objectDeletions, uploads } from '../../../core/database/schema/storage.ts';
import { LEASE_SECONDS, type UploadPartsRepository } from '../ports/upload-parts.ts';
import type { Upload } from '../ports/uploads.ts';
import { driveOfUpload, lockDrives, uuid } from './access.ts';
import type { QuotaDefaults } from './places.ts';
import { driveIdOf } from './queries.ts';
import { fits, toUpload } from './uploads.ts';

/** What the user of the upload may do at its destination. */
const rankThere = sql<number | null>`storage.rank_in(${uploads.userId}, coalesce(
  (select f.scope_id from storage.files f where f.id = coalesce(${uploads.targetId}, ${uploads.parentId})),
  ${uploads.driveId}))`;

const LEASE_END = sql`now() + ${LEASE_SECONDS} * interval '1 second'`;

/** A writer that did not come back may still bring bytes under the number that it was at; behind the last part it was at none. */
const SKIPPED = sql`case when u.received_bytes is distinct from u.size or u.tail_bytes > 0
  then u.skipped_parts || ((u.received_bytes - u.tail_bytes) / u.part_bytes + cardinality(u.skipped_parts) + 1)::integer
  else u.skipped_parts end`;

export function createUploadPartsRepository(db: Database, defaults: QuotaDefaults): UploadPartsRepository {
  const select = () =>
    db
      .select({
        upload: uploads,
        kind: drives.kind,
        isExpired: sql<boolean>`(${uploads.state} = 'active' and ${uploads.expiresAt} <= now())`,
        rank: rankThere,
      })
      .from(uploads)
      .innerJoin(drives, eq(drives.id, uploads.driveId));
  const find = async (condition: SQL | undefined) => {
    const [row] = await select().where(condition);
    return row && { ...row, upload: toUpload(row.upload, driveIdOf(row.upload.driveId, row.kind)) };
  };

  return {
    async own(userId, uploadId) {
      const row = await find(
        and(
          eq(uploads.id, uploadId),
          eq(uploads.userId, userId),
          isNull(uploads.linkId),
          ne(uploads.door, 'edge'),
        ),
      );
      return row && { upload: row.upload, isExpired: row.isExpired, rank: Number(row.rank ?? 0) };
    },

    async listActive(userId, after, limit) {
      const rows = await select()
        .where(
          and(
            eq(uploads.userId, userId),
            isNull(uploads.linkId),
            ne(uploads.door, 'edge'),
            eq(uploads.state, 'active'),
            sql`${uploads.expiresAt} > now()`,
            after === null ? undefined : gt(uploads.id, after),
          ),
        )
        .orderBy(asc(uploads.id))
        .limit(limit);
      return rows.map(({ upload, kind }) => toUpload(upload, driveIdOf(upload.driveId, kind)));
    },

    async announce(uploadId, sha256) {
      const rows = await db.execute(sql`
        update storage.uploads u set announced_sha256 = ${sha256}
        where u.id = ${uuid(uploadId)} and (u.announced_sha256 is null or u.announced_sha256 = ${sha256}) returning 1`);
      return rows.rows.length > 0;
    },

    async acquire(uploadId, token) {
      const taken = await db.execute(sql`
        update storage.uploads u set lease_token = ${token}::uuid, lease_until = ${LEASE_END},
          skipped_parts = case when u.lease_until is null then u.skipped_parts else ${SKIPPED} end
        where u.id = ${uuid(uploadId)} and u.state = 'active' and u.expires_at > now()
          and (u.lease_until is null or u.lease_until <= now())
        returning 1`);
      if (taken.rows.length === 0) return undefined;
      return (await find(and(eq(uploads.id, uploadId), eq(uploads.leaseToken, token))))?.upload;
    },

    async renew(uploadId, token) {
      const renewed = await db.execute(sql`
        update storage.uploads u set lease_until = ${LEASE_END}
        where u.id = ${uuid(uploadId)} and u.state = 'active' and u.lease_token = ${token}::uuid returning 1`);
      return renewed.rows.length > 0;
    },

    keep: (upload, token, progress) => keep(db, defaults, upload, token, progress),

    async release(uploadId, token, bytesMayCome) {
      await db.execute(sql`
        update storage.uploads u set lease_token = null, lease_until = null
          ${bytesMayCome ? sql`, skipped_parts = ${SKIPPED}` : sql``}
        where u.id = ${uuid(uploadId)} and u.lease_token = ${token}::uuid`);
    },

    async forget(key, bytesMayComeSeconds) {
      await db
        .insert(objectDeletions)
        .values({
          objectKey: key,
          nextAttemptAt: sql`now() + ${bytesMayComeSeconds} * interval '1 second'`,
        })
        .onConflictDoNothing();
    },
  };
}

async function keep(
  db: Database,
  defaults: QuotaDefaults,
  { id, size, tailKey }: Upload,
  token: string,
  { receivedBytes, tail }: Parameters<UploadPartsRepository['keep']>[2],
): ReturnType<UploadPartsRepository['keep']> {
  const mine = sql`u.id = ${uuid(id)} and u.state = 'active' and u.lease_token = ${token}::uuid`;
  const more = sql`greatest(0, ${receivedBytes}::bigint - u.reserved_bytes)`;
  const growth = sql`
    room as (
      update storage.drives d set reserved_bytes = d.reserved_bytes + ${more} from storage.uploads u
      where ${mine} and d.id = u.drive_id and ${fits(more, defaults)} returning d.id
    ),`;
  const statement = sql`
    with ${size === null ? growth : sql``} kept as (
      update storage.uploads u set received_bytes = ${receivedBytes}::bigint, tail_key = ${tail?.key ?? null}::text,
        tail_bytes = ${tail?.bytes ?? 0}::bigint, tail_wrapped_key = ${tail?.wrappedKey ?? null}::text,
        lease_until = ${LEASE_END}
        ${size === null ? sql`, reserved_bytes = greatest(u.reserved_bytes, ${receivedBytes}::bigint) from room` : sql``}
      where ${mine} returning u.id
    ), replaced as (
      insert into storage.object_deletions (object_key) select ${tailKey}::text from kept
      where ${tailKey}::text is not null on conflict do nothing
    )
    select from kept`;
  const isMine = db.execute(sql`select from storage.uploads u where ${mine}`);
  if (size !== null) return (await db.execute(statement)).rows.length > 0 ? 'kept' : 'lost';
  const [, kept, still] = await db.batch([
    db.execute(lockDrives(driveOfUpload(id))),
    db.execute(statement),
    isMine,
  ]);
  if (kept.rows.length > 0) return 'kept';
  return still.rows.length > 0 ? 'quota_exceeded' : 'lost';
}
