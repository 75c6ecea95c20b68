import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import type { DueObject, ObjectCheckRepository } from '../ports/object-checks.ts';
import { uuid } from './access.ts';

/** One for each version that has the object. */
const events = (type: 'content.verified' | 'content.refused', payload: SQL): SQL => sql`
  insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, payload)
  select ${type}, f.drive_id, f.scope_id, f.id, v.id, ${payload}
  from changed join storage.versions v on v.object_id = changed.id join storage.files f on f.id = v.file_id`;

export function createObjectCheckRepository(db: Database): ObjectCheckRepository {
  return {
    async claim(limit) {
      const claimed = await db.execute(sql`
        with due as (
          select o.id from storage.objects o where o.check_at <= now() and o.state = 'live'
          order by o.check_at limit ${limit} for update skip locked
        )
        update storage.objects o set check_attempts = o.check_attempts + 1,
          check_at = now() + (least(120 * power(2, least(o.check_attempts, 5)), 3600) + o.size / 4194304) * interval '1 second'
        from due where o.id = due.id
        returning o.id, o.key, o.size, o.encryption, o.wrapped_key,
          case when o.verified_at is not null then o.sha256 end as sha256,
          coalesce(o.sha256, o.announced_sha256) as expected_sha256`);
      return claimed.rows.map(toDue);
    },

    async verified(objectId, sha256, scanned) {
      await db.execute(sql`
        with changed as (
          update storage.objects o set sha256 = ${sha256}, verified_at = now(), check_at = null, check_attempts = 0,
            scanned_at = ${scanned ? sql`now()` : sql`o.scanned_at`}
          where o.id = ${uuid(objectId)} and o.state = 'live' returning o.id
        )
        ${events('content.verified', sql`'{}'::jsonb`)}`);
    },

    async refused(objectId, state, reason) {
      const audited = {
        actor: { kind: 'system', id: null, credentialId: null },
        action: `content.${state}`,
        object: { kind: 'object', id: objectId },
        result: 'success',
        reason,
      } as const;
      await db.execute(sql`
        with changed as (
          update storage.objects o set state = ${state}, state_reason = ${reason},
            check_at = ${state === 'infected' ? sql`null` : sql`o.check_at`}
          where o.id = ${uuid(objectId)} and o.state = 'live' returning o.id
        ), audited as (${auditRows({ ...audited, address: null, requestId: null }, sql`from changed`)} returning 1)
        ${events('content.refused', sql`jsonb_build_object('state', ${state}::text, 'reason', ${reason}::text)`)}`);
    },
  };
}

function toDue(row: Record<string, unknown>): DueObject {
  const text = (value: unknown) => (value === null ? null : String(value));
  return {
    object: {
      id: uuidToId('obj', String(row.id)),
      key: String(row.key),
      size: Number(row.size),
      encryption: encryptionOf(row.encryption),
      wrappedKey: text(row.wrapped_key),
    },
    sha256: text(row.sha256),
    expectedSha256: text(row.expected_sha256),
  };
}

const ENCRYPTIONS = ['none', 'sse-s3', 'sse-kms', 'envelope'] as const;

function encryptionOf(value: unknown): (typeof ENCRYPTIONS)[number] {
  const known = ENCRYPTIONS.find((encryption) => encryption === value);
  if (known === undefined) throw new Error(`there is no encryption ${String(value)}`);
  return known;
}
