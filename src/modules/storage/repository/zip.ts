import { asc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files, objects, versions } from '../../../core/database/schema/storage.ts';
import type { Actor } from '../ports/actor.ts';
import type { TreeRepository } from '../ports/zip.ts';
import { may, rankIn, uuid } from './access.ts';
import { objectColumns } from './queries.ts';

export function createTreeRepository(db: Database): TreeRepository {
  return {
    tree: (actor, fileId, limit) =>
      db
        .select({
          id: files.id,
          parentId: sql<
            string | null
          >`case when ${files.id} <> ${uuid(fileId)} then ${files.parentId} end`.mapWith(files.parentId),
          name: files.name,
          kind: files.kind,
          object: objectColumns,
          modifiedAt: sql<Date>`coalesce(${versions.createdAt}, ${files.updatedAt})`.mapWith(files.updatedAt),
        })
        .from(files)
        .leftJoin(versions, eq(versions.id, files.currentVersionId))
        .leftJoin(objects, eq(objects.id, versions.objectId))
        .where(inArray(files.id, below(actor, fileId, limit)))
        // Ids are in order of time, but a folder may have been moved into a younger one.
        .orderBy(asc(files.id)),
  };
}

/** Within one scope everybody sees the same: only where another one begins the right is asked for. */
const below = (actor: Actor, fileId: string, limit: number): SQL => sql`(
  with recursive below (id, scope_id) as (
    select f.id, f.scope_id from storage.files f
    where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(actor, 'viewer', sql`f`)}
    union all
    select f.id, f.scope_id from below join storage.files f on f.parent_id = below.id
    where f.trashed_at is null
      and (f.scope_id = below.scope_id or ${rankIn(actor, sql`f`)} is not null)
  )
  select below.id from below limit ${limit})`;
