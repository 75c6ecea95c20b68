import { and, eq, isNull, sql } from 'drizzle-orm';
import { appendAudit, auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { drives, files, links } from '../../../core/database/schema/storage.ts';
import type { HeldLinkRepository } from '../ports/links.ts';
import { uuid } from './access.ts';
import { driveIdOf } from './queries.ts';

export function createHeldLinkRepository(db: Database): HeldLinkRepository {
  return {
    async findByToken(tokenHash) {
      const [row] = await db
        .select({
          id: links.id,
          makerId: links.createdBy,
          driveId: files.driveId,
          driveKind: drives.kind,
          mode: links.mode,
          passwordHash: links.passwordHash,
          maxDownloads: links.maxDownloads,
          downloads: links.downloads,
          expiresAt: links.expiresAt,
          isExpired: sql<boolean>`coalesce(${links.expiresAt} <= now(), false)`,
          file: { id: files.id, name: files.name, kind: files.kind },
        })
        .from(links)
        .innerJoin(files, and(eq(files.id, links.fileId), isNull(files.trashedAt)))
        .innerJoin(drives, eq(drives.id, files.driveId))
        .where(
          and(
            eq(links.tokenHash, tokenHash),
            isNull(links.revokedAt),
            sql`auth.is_active(${links.createdBy})`,
            sql`storage.rank_in(${links.createdBy}, ${files.scopeId}) >= 4`,
          ),
        );
      if (row === undefined) return undefined;
      const { driveId, driveKind, ...link } = row;
      return { ...link, driveId: driveIdOf(driveId, driveKind) };
    },

    async use(linkId, isDownload, audit) {
      const { rows } = await db.execute(sql`
        with used as (
          update storage.links l set uses = l.uses + 1, last_used_at = now(),
            downloads = l.downloads + ${isDownload ? 1 : 0}
          where l.id = ${uuid(linkId)} and l.revoked_at is null and (l.expires_at is null or l.expires_at > now())
            and (${!isDownload} or l.max_downloads is null or l.downloads < l.max_downloads)
          returning l.id
        ), audited as (${auditRows(audit, sql`from used`)})
        select id from used`);
      return rows.length > 0;
    },

    async giveBack(linkId, audit) {
      await db.batch([
        db.execute(sql`update storage.links l set downloads = l.downloads - 1
          where l.id = ${uuid(linkId)} and l.downloads > 0`),
        appendAudit(db, audit),
      ]);
    },
  };
}
