import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { type Access, principalKindSchema } from '../models/grants.ts';
import { ROLES } from '../ports/actor.ts';
import type { AccessRepository } from '../ports/grants.ts';
import { uuid } from './access.ts';
import { emailOf, nameOf, principalId } from './grants.ts';

/** The same rules that `storage.rank_in` decides by (drizzle/0006), told to people. */
export function createAccessRepository(db: Database): AccessRepository {
  return {
    async rules(userId, fileId, after, limit) {
      const drive = after === null ? (await db.execute(rulesOfDrive(fileId))).rows : [];
      const { rows } = await db.execute(sql`
        with there as (${place(fileId)})
        select ${grantColumns(userId, sql`r`)}, r.rank, r.principal_id, r.principal_kind,
          ${nameOf(sql`r.principal_id`)} as name, ${emailOf(sql`r.principal_id`)} as email
        from there, storage.rules_in(there.scope_id) r
        where not (there.is_person and r.principal_id = there.drive_id)
          and ${after === null ? sql`true` : sql`r.principal_id > ${uuid(after)}`}
        order by r.principal_id limit ${limit}`);
      return [...drive, ...rows].map((row) => toAccess(row, fileId));
    },

    async explain(askedBy, fileId, userId) {
      const user = uuid(userId);
      const { rows } = await db.execute(sql`
        with there as (${place(fileId)}),
        decided as (select coalesce(storage.rank_in(${user}, there.scope_id), 0) as rank from there),
        candidates as (
          select 'drive_owner' as rule, 4 as rank, -1 as distance, null::text as workspace_role, null::uuid as grant_id,
            null::uuid as file_id, false as file_is_seen, false as is_own
          from there where there.drive_id = ${user}
          union all
          select 'grant', r.rank, r.distance, null, r.grant_id, r.file_id,
            storage.rank_in(${uuid(askedBy)}, r.file_id) is not null, r.principal_id = ${user}
          from there, storage.rules_in(there.scope_id) r
          where r.principal_id in (select p.principal_id from auth.principals_of(${user}) p)
          union all
          select 'workspace_role', storage.member_rank(a.permissions), 1000000, a.role, null, null, false, false
          from there, auth.workspace_authority(${user}, there.drive_id) a
        )
        select decided.rank, c.rule, c.workspace_role, c.grant_id, c.file_id, c.file_is_seen,
          p.id as principal_id, p.kind as principal_kind,
          -- Who has nothing to do with the file is not named to whoever knows their id.
          case when c.rule is not null then p.name end as name, case when c.rule is not null then p.email end as email
        from decided join auth.principals(array[${user}]) p on p.kind = 'user'
          left join lateral (select * from candidates where candidates.rank = decided.rank
            order by candidates.distance, candidates.is_own desc limit 1) c on true`);
      return rows[0] && toAccess(rows[0], fileId);
    },
  };
}

const place = (fileId: string): SQL => sql`
  select f.scope_id, f.drive_id, d.kind = 'person' as is_person
  from storage.files f join storage.drives d on d.id = f.drive_id
  where f.id = ${uuid(fileId)} and f.trashed_at is null`;

const grantColumns = (userId: string, rule: SQL): SQL => sql`
  'grant' as rule, null::text as workspace_role, ${rule}.grant_id, ${rule}.file_id,
  storage.rank_in(${uuid(userId)}, ${rule}.file_id) is not null as file_is_seen`;

/** Whose drive it is; for a workspace what its roles give, where no grant to the workspace says otherwise. */
const rulesOfDrive = (fileId: string): SQL => sql`
  with there as (${place(fileId)}),
  given as (
    select 'drive_owner' as rule, null::text as workspace_role, 4 as rank, there.drive_id, 'user' as kind
    from there where there.is_person
    union all
    select 'workspace_role', w.role, storage.member_rank(w.permissions), there.drive_id, 'workspace'
    from there, auth.workspace_roles() w
    where not there.is_person and storage.member_rank(w.permissions) > 0 and (
      storage.member_rank(w.permissions) = 4
      or not exists (select from storage.rules_in(there.scope_id) r where r.principal_id = there.drive_id))
  )
  select given.rule, given.workspace_role, given.rank, given.drive_id as principal_id, given.kind as principal_kind,
    null::uuid as grant_id, null::uuid as file_id, false as file_is_seen,
    ${nameOf(sql`given.drive_id`)} as name, ${emailOf(sql`given.drive_id`)} as email
  from given order by given.rank desc, given.workspace_role`;

function toAccess(row: Record<string, unknown>, fileId: string): Access {
  const kind = principalKindSchema.parse(row.principal_kind);
  return {
    principal: {
      kind,
      id: principalId(kind, String(row.principal_id)),
      name: textOrNull(row.name),
      email: textOrNull(row.email),
    },
    role: ROLES[Number(row.rank) - 1] ?? 'none',
    rule: toRule(row, fileId),
  };
}

function toRule(row: Record<string, unknown>, fileId: string): Access['rule'] {
  const { rule } = row;
  if (rule !== 'drive_owner' && rule !== 'workspace_role' && rule !== 'grant') return null;
  const grantedAt = textOrNull(row.file_id);
  const inherited = grantedAt !== null && uuidToId('file', grantedAt) !== fileId;
  const grantId = textOrNull(row.grant_id);
  return {
    kind: rule,
    workspaceRole: textOrNull(row.workspace_role),
    grantId: grantId === null ? null : uuidToId('grt', grantId),
    fileId:
      grantedAt === null || (inherited && row.file_is_seen !== true) ? null : uuidToId('file', grantedAt),
    inherited: inherited || rule !== 'grant',
  };
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
