import { and, desc, eq, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { files, links } from '../../../core/database/schema/storage.ts';
import type { Link } from '../models/links.ts';
import { asUser } from '../ports/actor.ts';
import type { LinkRepository } from '../ports/links.ts';
import { isVisibleTo, may, rankIn, uuid } from './access.ts';
import { manageable } from './scopes.ts';

export function createLinkRepository(db: Database): LinkRepository {
  return {
    async add(userId, fileId, link, audit) {
      const { rows } = await db.execute(sql`
        with ${manageable(userId, fileId)},
        made as (
          insert into storage.links (id, file_id, token_hash, mode, name, password_hash, max_downloads, created_by, expires_at)
          select ${uuid(link.id)}, target.id, ${link.tokenHash}, ${link.mode}, ${link.name}::text,
            ${link.passwordHash}::text, ${link.maxDownloads}::integer, ${uuid(userId)},
            ${isoOrNull(link.expiresAt)}::timestamptz
          from target where ${link.mode !== 'upload'} or target.kind = 'folder'
          on conflict (id) do update set token_hash = excluded.token_hash
            where links.uses = 0 and links.created_by = excluded.created_by and links.file_id = excluded.file_id
          returning id
        ), audited as (${auditRows(audit, sql`from made`)})
        select id from made`);
      return rows.length > 0;
    },

    async find(userId, linkId) {
      const [row] = await selectLinks(db)(and(eq(links.id, linkId), isTheirs(userId)));
      return row && toLink(row);
    },

    async ofFile(fileId, before, limit) {
      const rows = await selectLinks(db)(and(eq(links.fileId, fileId), isBefore(before)))
        .orderBy(desc(links.id))
        .limit(limit);
      return rows.map(toLink);
    },

    async ofUser(userId, before, limit) {
      const rows = await selectLinks(db)(
        and(eq(links.createdBy, userId), isVisibleTo(asUser(userId)), isBefore(before)),
      )
        .orderBy(desc(links.id))
        .limit(limit);
      return rows.map(toLink);
    },

    async update(userId, linkId, { name, passwordHash, expiresAt, maxDownloads }, audit) {
      const kept = (value: unknown, column: SQL, given: SQL): SQL => (value === undefined ? column : given);
      const { rows } = await db.execute(sql`
        with changed as (
          update storage.links l set
            name = ${kept(name, sql`l.name`, sql`${name ?? null}::text`)},
            password_hash = ${kept(passwordHash, sql`l.password_hash`, sql`${passwordHash ?? null}::text`)},
            expires_at = ${kept(expiresAt, sql`l.expires_at`, sql`${isoOrNull(expiresAt)}::timestamptz`)},
            max_downloads = ${kept(maxDownloads, sql`l.max_downloads`, sql`${maxDownloads ?? null}::integer`)}
          from storage.files f
          where l.id = ${uuid(linkId)} and l.revoked_at is null and f.id = l.file_id and f.trashed_at is null
            and ${may(asUser(userId), 'manager', sql`f`)}
          returning l.id
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`);
      return rows.length > 0;
    },

    async revoke(userId, linkId, audit) {
      const { rows } = await db.execute(sql`
        with changed as (
          update storage.links l set revoked_at = now() from storage.files f
          where l.id = ${uuid(linkId)} and l.revoked_at is null and f.id = l.file_id
            and (l.created_by = ${uuid(userId)} or ${may(asUser(userId), 'manager', sql`f`)})
          returning l.id
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`);
      return rows.length > 0;
    },
  };
}

const isoOrNull = (date: Date | null | undefined): string | null => date?.toISOString() ?? null;

const isBefore = (id: string | null): SQL | undefined => (id === null ? undefined : lt(links.id, id));

const isTheirs = (userId: string): SQL =>
  sql`(${links.createdBy} = ${uuid(userId)} and ${rankIn(asUser(userId))} is not null
    or ${may(asUser(userId), 'manager')})`;

/** By the database's clock, as everything that decides about them. */
const isExpired: SQL<boolean> = sql<boolean>`coalesce(${links.expiresAt} <= now(), false)`;
const mayBeUsed: SQL<boolean> = sql<boolean>`(auth.is_active(${links.createdBy})
  and coalesce(storage.rank_in(${links.createdBy}, ${files.scopeId}) >= 4, false))`;

function selectLinks(db: Database) {
  return (where: SQL | undefined) =>
    db
      .select({
        link: links,
        fileName: files.name,
        isExpired,
        mayBeUsed,
      })
      .from(links)
      .innerJoin(files, and(eq(files.id, links.fileId), isNull(files.trashedAt)))
      .where(and(isNull(links.revokedAt), where))
      .$dynamic();
}

type LinkRow = Awaited<ReturnType<ReturnType<typeof selectLinks>>>[number];

function toLink({ link, fileName, ...state }: LinkRow): Link {
  const { tokenHash: _, passwordHash, revokedAt: __, lastUsedAt, createdAt, expiresAt, ...rest } = link;
  return {
    ...rest,
    fileName,
    hasPassword: passwordHash !== null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    state: stateOf(link, state),
  };
}

function stateOf(
  { maxDownloads, downloads }: LinkRow['link'],
  row: Pick<LinkRow, 'isExpired' | 'mayBeUsed'>,
): Link['state'] {
  if (!row.mayBeUsed) return 'suspended';
  if (row.isExpired) return 'expired';
  return maxDownloads !== null && downloads >= maxDownloads ? 'used_up' : 'active';
}
