import { asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit, auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { objects } from '../../../core/database/schema/storage.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { IntegrityRepository } from '../ports/integrity.ts';
import { uuid } from './access.ts';
import { IS_REBUILDING } from './journal.ts';

const columns = {
  id: objects.id,
  key: objects.key,
  size: objects.size,
  encryption: objects.encryption,
  wrappedKey: objects.wrappedKey,
  /** What the client announced binds too, as long as nobody has read the bytes. */
  sha256: sql<string | null>`coalesce(${objects.sha256}, ${objects.announcedSha256})`,
  state: objects.state,
};
const binaryKey = sql`${objects.key} collate "C"`;

const findingSchema = z.object({
  key: z.string(),
  kind: z.enum(['orphan', 'missing', 'corrupt', 'infected']),
  object_id: z.string().nullable(),
  reason: z.string().nullable(),
  size: z.coerce.number(),
  since: z.coerce.date(),
});

/** One for each version that has the object. */
const events = (type: 'content.refused' | 'content.repaired', payload: SQL): SQL => sql`
  insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, payload)
  select ${type}, f.drive_id, f.scope_id, f.id, v.id, ${payload}
  from changed join storage.versions v on v.object_id = changed.id join storage.files f on f.id = v.file_id`;

const bySystem = (action: string, objectId: string, reason: string | null): AuditEntry => ({
  actor: { kind: 'system' },
  action,
  object: { kind: 'object', id: objectId },
  result: 'success',
  reason,
});

export function createIntegrityRepository(db: Database): IntegrityRepository {
  const keysOf = (rows: readonly Record<string, unknown>[]) => rows.map(({ key }) => String(key));
  return {
    objects: (after, limit) =>
      db.select(columns).from(objects).where(gt(binaryKey, after)).orderBy(asc(binaryKey)).limit(limit),

    async object(id) {
      const [row] = await db.select(columns).from(objects).where(eq(objects.id, id));
      return row;
    },

    async orphans(keys) {
      const { rows } = await db.execute(sql`select k.key from unnest(${sql.param([...keys])}::text[]) k (key)
        where storage.is_orphan(k.key)`);
      return keysOf(rows);
    },

    async isOurs() {
      const { rows } = await db.execute(sql`
        select exists (select from storage.upkeep u where u.name = 'journal') and not ${IS_REBUILDING} as ours`);
      return rows[0]?.ours === true;
    },

    async quarantine(found) {
      await db.execute(sql`
        insert into storage.orphans (object_key, size)
        select f.key, f.size from jsonb_to_recordset(${JSON.stringify(found)}::jsonb) f (key text, size bigint)
        where storage.is_orphan(f.key) on conflict do nothing`);
    },

    async release(graceSeconds, limit) {
      const { rows } = await db.execute(sql`
        with due as materialized (
          select o.object_key, storage.is_orphan(o.object_key) as is_orphan from storage.orphans o
          where o.first_seen_at <= now() - ${graceSeconds} * interval '1 second' and not ${IS_REBUILDING}
            and exists (select from storage.upkeep u where u.name = 'journal')
          order by o.first_seen_at limit ${limit} for update skip locked
        ), left_behind as (
          delete from storage.orphans o using due where o.object_key = due.object_key
        )
        insert into storage.object_deletions (object_key) select due.object_key from due where due.is_orphan
        on conflict do nothing returning object_key`);
      return rows.length;
    },

    async refuse(objectId, state, reason) {
      const { rows } = await db.execute(sql`
        with changed as (
          update storage.objects o set state = ${state}, state_reason = ${reason}
          where o.id = ${uuid(objectId)} and o.state in ('live', 'missing', 'corrupt') and o.state <> ${state} returning o.id
        ), audited as (${auditRows(bySystem(`content.${state}`, objectId, reason), sql`from changed`)}),
        told as (${events('content.refused', sql`jsonb_build_object('state', ${state}::text, 'reason', ${reason}::text)`)})
        select id from changed`);
      return rows.length > 0;
    },

    async confirm(objectId, sha256) {
      const { rows } = await db.execute(sql`
        with before as (
          select o.id, o.state from storage.objects o where o.id = ${uuid(objectId)} for no key update
        ), confirmed as (
          update storage.objects o set sha256 = coalesce(o.sha256, ${sha256}), verified_at = now(),
            state = case when o.state in ('missing', 'corrupt') then 'live' else o.state end,
            state_reason = case when o.state in ('missing', 'corrupt') then null else o.state_reason end
          from before where o.id = before.id
        ), changed as (
          select before.id from before where before.state in ('missing', 'corrupt')
        ), audited as (${auditRows(bySystem('content.repaired', objectId, null), sql`from changed`)}),
        told as (${events('content.repaired', sql`'{}'::jsonb`)})
        select id from changed`);
      return rows.length > 0 ? 'repaired' : 'confirmed';
    },

    async findings(after, limit) {
      const { rows } = await db.execute(sql`
        (select o.object_key as key, 'orphan' as kind, null::uuid as object_id, null as reason, o.size,
          o.first_seen_at as since from storage.orphans o
          where o.object_key collate "C" > ${after ?? ''} order by o.object_key collate "C" limit ${limit})
        union all
        (select o.key, o.state, o.id, o.state_reason, o.size, o.created_at from storage.objects o
          where o.state <> 'live' and o.key collate "C" > ${after ?? ''} order by o.key collate "C" limit ${limit})`);
      const parsed = z.array(findingSchema).parse(rows);
      const found = parsed.map(({ object_id, ...row }) => ({
        ...row,
        objectId: object_id && uuidToId('obj', object_id),
      }));
      return found.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
    },

    async audit(entry) {
      await appendAudit(db, entry);
    },

    async position() {
      const { rows } = await db.execute(
        sql`select u.state->>'after' as after from storage.upkeep u where u.name = 'sweep'`,
      );
      return String(rows[0]?.after ?? '');
    },

    async setPosition(key) {
      await db.execute(sql`insert into storage.upkeep (name, state) values ('sweep', jsonb_build_object('after', ${key}::text))
        on conflict (name) do update set state = excluded.state`);
    },
  };
}
