import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { files } from '../../../core/database/schema/storage.ts';
import type { Actor } from '../ports/actor.ts';
import type { EntryRepository, Listing, Position, SortKey } from '../ports/entries.ts';
import { childOf, rankIn, uuid } from './access.ts';
import { pathFor, type Seen, selectAnyFiles, toFile } from './queries.ts';

type FileRow = Awaited<ReturnType<ReturnType<typeof selectAnyFiles>>>[number];

/** Each sort goes along an index of (place_id, column, id), from where the page before ended. */
const SORTS: Readonly<Record<SortKey, { column: SQL; type: SQL; valueOf: (row: FileRow) => string }>> = {
  created: { column: sql`${files.id}`, type: sql`uuid`, valueOf: () => '' },
  name: { column: sql`${files.nameKey}`, type: sql`text`, valueOf: (row) => row.nameKey },
  updated: {
    column: sql`${files.updatedAt}`,
    type: sql`timestamptz`,
    valueOf: (row) => row.updatedAt.toISOString(),
  },
  size: { column: sql`${files.size}`, type: sql`bigint`, valueOf: (row) => String(row.size ?? 0) },
};

/**
 * One page of what is in a folder. Where rights are those of the folder, as nearly everywhere, one comparison tells;
 * path and rank of the folder are found once, not for each row.
 */
export async function listEntries(
  db: Database,
  actor: Actor,
  listing: Listing,
): ReturnType<EntryRepository['list']> {
  const place = placeSeenBy(actor, listing.placeId);
  const sort = SORTS[listing.sort];
  const seen: Seen = {
    parentId: listing.placeId.startsWith('file_') ? sql`${files.parentId}` : sql`null`,
    path: sql`${place.path} || '/' || ${files.name}`,
    rank: sql`case when ${files.scopeId} = ${place.scopeId} then ${place.rank} else ${rankIn(actor)} end`,
  };
  const direction = listing.descending ? sql`desc` : sql`asc`;
  const [there, rows] = await db.batch([
    db.execute(sql`select ${place.rank} as rank`),
    selectAnyFiles(
      db,
      actor,
      seen,
    )(
      and(
        childOf(listing.placeId),
        isNull(files.trashedAt),
        sql`${place.rank} is not null`,
        sql`(${files.scopeId} = ${place.scopeId} or ${rankIn(actor)} is not null)`,
        listing.after === null ? undefined : beyond(listing, listing.after),
        listing.kind === undefined ? undefined : eq(files.kind, listing.kind),
        listing.tag === undefined ? undefined : sql`${listing.tag} = any(${files.tags})`,
      ),
    )
      .orderBy(
        sql`${sort.column} ${direction}`,
        ...(listing.sort === 'created' || listing.sort === 'name' ? [] : [sql`${files.id} ${direction}`]),
      )
      .limit(listing.limit),
  ]);
  if (there.rows[0]?.rank === null || there.rows[0] === undefined) return undefined;
  return rows.map((row) => ({
    file: toFile(row),
    position: { value: sort.valueOf(row), fileId: row.id },
  }));
}

function beyond({ sort, descending }: Listing, { value, fileId }: Position): SQL {
  const { column, type } = SORTS[sort];
  const than = descending ? sql`<` : sql`>`;
  if (sort === 'created') return sql`${files.id} ${than} ${uuid(fileId)}`;
  // Names are unique among the live entries of a folder.
  if (sort === 'name') return sql`${files.nameKey} ${than} ${value}`;
  return sql`(${column}, ${files.id}) ${than} (${value}::${type}, ${uuid(fileId)})`;
}

/** Scope, rank and path of a place, each a subquery that is run once. A drive without a row is there for its people. */
function placeSeenBy(actor: Actor, placeId: string): { scopeId: SQL; rank: SQL; path: SQL } {
  const id = sql`${idToUuid(placeId)}::uuid`;
  if (placeId.startsWith('file_')) {
    const folder = sql`from storage.files f where f.id = ${id} and f.kind = 'folder' and f.trashed_at is null`;
    return {
      scopeId: sql`(select f.scope_id ${folder})`,
      rank: sql`(select ${rankIn(actor, sql`f`)} ${folder})`,
      path: sql`(select ${pathFor(actor, id)})`,
    };
  }
  return { scopeId: id, rank: sql`(select ${rankAtRoot(actor, id)})`, path: sql`''` };
}

/** Of a drive that may have no row yet; what its workspace gives its members needs none. */
const rankAtRoot = (actor: Actor, drive: SQL): SQL =>
  actor.kind === 'user'
    ? sql`case when ${drive} = ${uuid(actor.userId)} then 4 else storage.shared_rank_in(${uuid(actor.userId)}, ${drive}, ${drive}) end`
    : sql`null::integer`;
