import { and, asc, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { drives, files, grants } from '../../../core/database/schema/storage.ts';
import type { Grant, Grantee, PrincipalKind } from '../models/grants.ts';
import { asUser } from '../ports/actor.ts';
import type { GrantRepository, Standing } from '../ports/grants.ts';
import { driveOf, lockDrives, rankIn, uuid } from './access.ts';
import { driveIdOf, selectFiles, toFile } from './queries.ts';
import { manageable, ownScope } from './scopes.ts';

const ID_PREFIXES = { user: 'usr', group: 'grp', workspace: 'wsp' } as const;

export const principalId = (kind: PrincipalKind, id: string): string => uuidToId(ID_PREFIXES[kind], id);

export function createGrantRepository(db: Database): GrantRepository {
  return {
    standing: (userId, fileId) => standing(db, userId, fileId),

    async principalFor(userId, grantee) {
      const { rows } = await db.execute(sql`select (${principalOf(userId, grantee)})::text as id`);
      const id = rows[0]?.id;
      return typeof id === 'string' ? principalId(grantee.kind, id) : undefined;
    },

    async list(userId, fileId, after, limit) {
      const around = sql`${grants.fileId} in (select above.id from storage.files f,
        storage.scopes_above(f.scope_id) above where f.id = ${uuid(fileId)})`;
      const rows = await selectGrants(
        db,
        userId,
      )(and(around, after === null ? undefined : gt(grants.id, after)))
        .orderBy(asc(grants.id))
        .limit(limit);
      return rows.map((row) => toGrant(row, fileId));
    },

    async put(userId, fileId, grant, audit) {
      const statement = sql`
        with recursive ${manageable(userId, fileId)}, ${ownScope},
        changed as (
          insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by, expires_at)
          select ${uuid(grant.id)}, target.id, ${grant.principalKind}, ${uuid(grant.principalId)}, ${grant.role},
            ${uuid(userId)}, ${grant.expiresAt?.toISOString() ?? null}::timestamptz from target
          on conflict (file_id, principal_id) do update
            set role = excluded.role, expires_at = excluded.expires_at, granted_by = excluded.granted_by, updated_at = now()
          returning id, file_id, principal_id, role
        ), audited as (${auditRows(audit, sql`from changed`)})
        ${accessChanged(userId)}`;
      const [, written, rows] = await db.batch([
        db.execute(lockDrives(driveOf(fileId))),
        db.execute(statement),
        selectGrants(
          db,
          userId,
        )(and(eq(grants.fileId, fileId), eq(grants.principalId, idToUuid(grant.principalId)))),
      ]);
      return written.rows.length > 0 && rows[0] ? toGrant(rows[0], fileId) : undefined;
    },

    async update(userId, fileId, grantId, { role, expiresAt }, audit) {
      const statement = sql`
        with ${manageable(userId, fileId)},
        changed as (
          update storage.grants g set role = coalesce(${role ?? null}::text, g.role), updated_at = now(),
            expires_at = ${expiresAt === undefined ? sql`g.expires_at` : sql`${expiresAt?.toISOString() ?? null}::timestamptz`}
          from target where g.id = ${uuid(grantId)} and g.file_id = target.id
          returning g.id, g.file_id, g.principal_id, g.role
        ), audited as (${auditRows(audit, sql`from changed`)})
        ${accessChanged(userId)}`;
      const [, written, rows] = await db.batch([
        db.execute(lockDrives(driveOf(fileId))),
        db.execute(statement),
        selectGrants(db, userId)(eq(grants.id, grantId)),
      ]);
      return written.rows.length > 0 && rows[0] ? toGrant(rows[0], fileId) : undefined;
    },

    async remove(userId, fileId, grantId, audit) {
      const statement = sql`
        with ${manageable(userId, fileId)},
        changed as (
          delete from storage.grants g using target where g.id = ${uuid(grantId)} and g.file_id = target.id
          returning g.id, g.file_id, g.principal_id, null::text as role
        ), audited as (${auditRows(audit, sql`from changed`)})
        ${accessChanged(userId)}`;
      const [, written] = await db.batch([db.execute(lockDrives(driveOf(fileId))), db.execute(statement)]);
      return written.rows.length > 0;
    },

    async shared(userId, before, limit) {
      const actor = asUser(userId);
      const rows = await selectFiles(
        db,
        actor,
      )(and(sharedWith(userId), before === null ? undefined : lt(files.id, before)))
        .orderBy(desc(files.id))
        .limit(limit);
      return rows.map(toFile);
    },

    async leave(userId, fileId, grantId, audit) {
      // A grant of `none` in place of the old one: to take the old one away could let in a higher role of a group.
      const statement = sql`
        with target as (
          select files.id from storage.files where files.id = ${uuid(fileId)} and files.trashed_at is null
            and ${rankIn(asUser(userId))} is not null and ${sharedWith(userId)}
        ), changed as (
          insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
          select ${uuid(grantId)}, target.id, 'user', ${uuid(userId)}, 'none', ${uuid(userId)} from target
          on conflict (file_id, principal_id) do update
            set role = 'none', expires_at = null, granted_by = excluded.granted_by, updated_at = now()
          returning id, file_id, principal_id, role
        ), audited as (${auditRows(audit, sql`from changed`)})
        ${accessChanged(userId)}`;
      const [, written] = await db.batch([db.execute(lockDrives(driveOf(fileId))), db.execute(statement)]);
      return written.rows.length > 0;
    },
  };
}

export async function standing(db: Database, userId: string, fileId: string): Promise<Standing | undefined> {
  const [row] = await db
    .select({
      rank: sql<number>`coalesce(${rankIn(asUser(userId))}, 0)`,
      kind: files.kind,
      driveId: files.driveId,
      driveKind: drives.kind,
    })
    .from(files)
    .innerJoin(drives, eq(drives.id, files.driveId))
    .where(sql`${files.id} = ${uuid(fileId)} and ${files.trashedAt} is null`);
  return row && { rank: row.rank, kind: row.kind, driveId: driveIdOf(row.driveId, row.driveKind) };
}

function principalOf(userId: string, grantee: Grantee): SQL {
  if ('email' in grantee) return sql`auth.user_of_email(${grantee.email})`;
  const isTheirs = {
    user: sql`true`,
    group: sql`auth.workspace_of_group(p.id) in (select mine.principal_id from auth.principals_of(${uuid(userId)}) mine)`,
    workspace: sql`p.id in (select mine.principal_id from auth.principals_of(${uuid(userId)}) mine)`,
  };
  return sql`select p.id from auth.principals(array[${uuid(grantee.id)}]) p
    where p.kind = ${grantee.kind} and ${isTheirs[grantee.kind]}`;
}

/** Who had the right is told too: they may have just lost it. */
const accessChanged = (userId: string): SQL => sql`
  insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id, audience, payload)
  select 'access.changed', f.drive_id, f.id, f.id, ${uuid(userId)}, array[changed.principal_id],
    jsonb_build_object('role', changed.role)
  from changed join storage.files f on f.id = changed.file_id returning id`;

/** Shared with the user, or with those that the user belongs to, out of a drive that is neither's. */
const sharedWith = (userId: string): SQL => {
  const principals = sql`(select p.principal_id from auth.principals_of(${uuid(userId)}) p)`;
  return sql`${files.driveId} not in ${principals} and ${files.id} in (
    select g.file_id from storage.grants g where g.principal_id in ${principals} and g.role <> 'none'
      and (g.expires_at is null or g.expires_at > now()))`;
};

export const nameOf = (id: SQL): SQL<string | null> =>
  sql<string | null>`(select p.name from auth.principals(array[${id}]) p)`;
export const emailOf = (id: SQL): SQL<string | null> =>
  sql<string | null>`(select p.email from auth.principals(array[${id}]) p)`;

function selectGrants(db: Database, userId: string) {
  const principal = sql`${grants.principalId}`;
  return (where: SQL | undefined) =>
    db
      .select({
        id: grants.id,
        fileId: grants.fileId,
        fileIsSeen: sql<boolean>`storage.rank_in(${uuid(userId)}, ${grants.fileId}) is not null`,
        principalKind: grants.principalKind,
        principalId: grants.principalId,
        name: nameOf(principal),
        email: emailOf(principal),
        role: grants.role,
        grantedBy: grants.grantedBy,
        expiresAt: grants.expiresAt,
        createdAt: grants.createdAt,
        updatedAt: grants.updatedAt,
      })
      .from(grants)
      .where(where)
      .$dynamic();
}

function toGrant(row: Awaited<ReturnType<ReturnType<typeof selectGrants>>>[number], fileId: string): Grant {
  const inherited = row.fileId !== fileId;
  return {
    id: row.id,
    fileId: inherited && !row.fileIsSeen ? null : row.fileId,
    inherited,
    principal: {
      kind: row.principalKind,
      id: principalId(row.principalKind, row.principalId),
      name: row.name,
      email: row.email,
    },
    role: row.role,
    grantedBy: row.grantedBy,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
