import { and, eq, or, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { objects, previews } from '../../../core/database/schema/storage.ts';
import type { NewPreview, PreviewRepository } from '../ports/previews.ts';
import { uuid } from './access.ts';
import { objectColumns } from './queries.ts';

export function createPreviewRepository(db: Database): PreviewRepository {
  return {
    async find(objectId, variant, refusedWithinSeconds) {
      const isFresh = sql`${previews.createdAt} > now() - ${refusedWithinSeconds} * interval '1 second'`;
      const [row] = await db
        .select({ reason: previews.reason, madeAt: previews.createdAt, object: objectColumns })
        .from(previews)
        .leftJoin(objects, eq(objects.id, previews.previewId))
        .where(
          and(
            eq(previews.objectId, objectId),
            eq(previews.variant, variant),
            or(sql`${previews.previewId} is not null`, isFresh),
          ),
        );
      if (row === undefined) return undefined;
      const { object, madeAt, reason } = row;
      return object ? { kind: 'made', object, madeAt } : { kind: 'refused', reason: reason ?? '' };
    },

    async insert(made) {
      await db.execute(insertStatement(made));
    },

    async refuse(objectId, variant, reason) {
      await db.execute(sql`
        insert into storage.previews (object_id, variant, reason)
        select o.id, ${variant}, ${reason} from storage.objects o where o.id = ${uuid(objectId)} for key share
        on conflict (object_id, variant) do update set reason = excluded.reason, created_at = now()
        where previews.preview_id is null`);
    },

    async forget(previewId) {
      await db.execute(sql`
        with gone as (delete from storage.previews p where p.preview_id = ${uuid(previewId)} returning p.preview_id)
        delete from storage.objects o using gone where o.id = gone.preview_id`);
    },
  };
}

/** The source is locked against going: whoever deletes it afterwards finds the preview, and takes it along. */
function insertStatement({ objectId, variant, preview }: NewPreview) {
  const { id, key, size, sha256, encryption, wrappedKey } = preview;
  return sql`
    with source as (select o.id from storage.objects o where o.id = ${uuid(objectId)} for key share),
    kept as (
      insert into storage.previews (object_id, variant, preview_id)
      select source.id, ${variant}, ${uuid(id)} from source
      on conflict (object_id, variant) do update
        set preview_id = excluded.preview_id, reason = null, created_at = now()
        where previews.preview_id is null
      returning preview_id
    ), stored as (
      insert into storage.objects (id, key, size, sha256, etag, encryption, wrapped_key, verified_at)
      select kept.preview_id, ${key}, ${size}::bigint, ${sha256}, ${sha256}, ${encryption}, ${wrappedKey}, now() from kept
    )
    insert into storage.object_deletions (object_key) select ${key} where not exists (select from kept)
    on conflict do nothing`;
}
