import { and, desc, eq, gt, gte, isNull, lt, lte, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { CHAIN_START, type ChainHead, type Checkpoint } from '../security/audit-chain.ts';
import type { Database } from './client.ts';
import { auditCheckpoints, auditEvents } from './schema/core.ts';

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly workspace?: string | undefined;
  readonly result?: 'success' | 'denied' | 'failure' | undefined;
  /** From this moment on, and before that one. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}
export type AuditRecord = typeof auditEvents.$inferSelect;
export interface Placed extends ChainHead {
  readonly id: number;
}

/** Any constant will do: whoever lengthens or shortens the chain takes the same lock. */
const LOCK = sql`select pg_advisory_xact_lock(727003)`;
/** The end of the chain. After retention has taken every row, the checkpoint at the cut. */
const HEAD = sql`(select sequence, hash from core.audit_events where sequence is not null
    union all select sequence, hash from core.audit_checkpoints
  order by sequence desc limit 1)`;
const headSchema = z.object({ sequence: z.coerce.number(), hash: z.string() });
const countSchema = z.object({ count: z.coerce.number() });
const rangeSchema = z.object({ first: z.coerce.number().nullable(), last: z.coerce.number().nullable() });

/** Reads the audit log, and gives its rows their place in the chain; rows come to it by appendAudit. */
export function createAuditLog(db: Database) {
  return {
    ...createReading(db),

    /** The end of the chain, and rows that wait for their place. */
    async unsealed(limit: number): Promise<{ head: ChainHead; rows: AuditRecord[] }> {
      const rows = await db
        .select()
        .from(auditEvents)
        .where(isNull(auditEvents.sequence))
        .orderBy(auditEvents.id)
        .limit(limit);
      const answer = await db.execute(HEAD);
      return { head: answer.rows[0] ? headSchema.parse(answer.rows[0]) : CHAIN_START, rows };
    },

    /** Gives rows their places and keeps the checkpoint at their end; false when the chain ends elsewhere by now. */
    async seal(head: ChainHead, rows: readonly Placed[], checkpoint: Checkpoint): Promise<boolean> {
      const { sequence, hash, createdAt, signature } = checkpoint;
      // After the lock, so that the statement sees what the one before it committed.
      const [, answer] = await db.batch([
        db.execute(LOCK),
        db.execute(sql`
          with sealed as (
            update core.audit_events e set sequence = v.sequence, hash = v.hash
            from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) v(id bigint, sequence bigint, hash text)
            where e.id = v.id and e.sequence is null
              and ${head.sequence}::bigint = coalesce((select h.sequence from ${HEAD} h), 0)
            returning e.id
          ), kept as (
            insert into core.audit_checkpoints (sequence, hash, created_at, signature)
            select ${sequence}::bigint, ${hash}, ${createdAt.toISOString()}::timestamptz, ${signature}
            where exists (select from sealed)
          )
          select count(*) from sealed`),
      ]);
      return countSchema.parse(answer.rows[0]).count > 0;
    },

    /**
     * Deletes the oldest sealed rows up to a checkpoint before which everything is older than `days`; the checkpoint
     * stays, so that the rest still verifies. @returns the sequence of that checkpoint, or undefined.
     */
    async prune(days: number, limit: number): Promise<number | undefined> {
      const [, , answer] = await db.batch([
        db.execute(LOCK),
        db.execute(sql`select set_config('core.audit_retention', 'on', true)`),
        db.execute(prunedBy(days, limit)),
      ]);
      const { cut } = z.object({ cut: z.coerce.number().nullable() }).parse(answer.rows[0]);
      return cut ?? undefined;
    },
  };
}

/** The deletion leaves an entry itself. */
function prunedBy(days: number, limit: number): SQL {
  return sql`
    with bounds as (
      select
        (select min(sequence) from core.audit_events) as oldest,
        (select min(sequence) from core.audit_events
          where occurred_at >= now() - make_interval(days => ${days}::int)) as young
    ), cut as (
      select max(c.sequence) as sequence from core.audit_checkpoints c, bounds b
      where c.sequence >= b.oldest and c.sequence < b.oldest + ${limit}::bigint
        and c.sequence < coalesce(b.young, 9007199254740991)
    ), gone as (
      delete from core.audit_events where sequence <= (select sequence from cut) returning id
    ), forgotten as (
      delete from core.audit_checkpoints where sequence < (select sequence from cut)
    ), noted as (
      insert into core.audit_events (actor_kind, action, object_kind, object_id, result, details)
      select 'system', 'audit.prune', 'audit', 'log', 'success',
        jsonb_build_object('through', (select sequence from cut), 'rows', (select count(*) from gone))
      where exists (select from gone)
    )
    select sequence as cut from cut`;
}

function createReading(db: Database) {
  return {
    /** Newest first. @param before id of the last row of the page before */
    list: (filter: AuditFilter, before: number | undefined, limit: number): Promise<AuditRecord[]> =>
      db
        .select()
        .from(auditEvents)
        .where(and(before === undefined ? undefined : lt(auditEvents.id, before), ...conditions(filter)))
        .orderBy(desc(auditEvents.id))
        .limit(limit),

    /** The stretch of the chain that holds everything from one moment to another, from checkpoint to checkpoint. */
    async stretch(from: Date | undefined, to: Date | undefined): Promise<{ after: number; through: number }> {
      const within = and(sql`sequence is not null`, ...conditions({ from, to })) ?? sql`true`;
      const answer = await db.execute(sql`
        with bounds as (select min(sequence) as first, max(sequence) as last from core.audit_events where ${within})
        select coalesce((select max(sequence) from core.audit_checkpoints where sequence < b.first), 0) as first,
          coalesce((select min(sequence) from core.audit_checkpoints where sequence >= b.last), b.last) as last
        from bounds b`);
      const { first, last } = rangeSchema.parse(answer.rows[0]);
      return { after: first ?? 0, through: last ?? 0 };
    },

    sealed: (after: number, through: number, limit: number): Promise<AuditRecord[]> =>
      db
        .select()
        .from(auditEvents)
        .where(and(gt(auditEvents.sequence, after), lte(auditEvents.sequence, through)))
        .orderBy(auditEvents.sequence)
        .limit(limit),

    checkpointsWithin: (from: number, through: number): Promise<Checkpoint[]> =>
      db
        .select()
        .from(auditCheckpoints)
        .where(and(gte(auditCheckpoints.sequence, from), lte(auditCheckpoints.sequence, through)))
        .orderBy(auditCheckpoints.sequence),

    /** Newest first. */
    checkpoints: (before: number | undefined, limit: number): Promise<Checkpoint[]> =>
      db
        .select()
        .from(auditCheckpoints)
        .where(before === undefined ? undefined : lt(auditCheckpoints.sequence, before))
        .orderBy(desc(auditCheckpoints.sequence))
        .limit(limit),
  };
}

function conditions({ actor, action, object, workspace, result, from, to }: AuditFilter): SQL[] {
  return [
    actor === undefined ? undefined : eq(auditEvents.actorId, actor),
    action === undefined ? undefined : eq(auditEvents.action, action),
    object === undefined ? undefined : eq(auditEvents.objectId, object),
    workspace === undefined ? undefined : eq(auditEvents.workspaceId, workspace),
    result === undefined ? undefined : eq(auditEvents.result, result),
    from === undefined ? undefined : gte(auditEvents.occurredAt, from),
    to === undefined ? undefined : lt(auditEvents.occurredAt, to),
  ].filter((condition) => condition !== undefined);
}
