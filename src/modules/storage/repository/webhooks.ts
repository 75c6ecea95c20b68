import { and, asc, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm';
import { storageEventTypeSchema } from '../../../contracts/storage.ts';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { drives, webhookDeliveries, webhooks } from '../../../core/database/schema/storage.ts';
import type { Delivery, Webhook } from '../models/webhooks.ts';
import type { WebhookRepository } from '../ports/webhooks.ts';
import { ensureDrive, lockDrives, uuid } from './access.ts';
import { driveIdOf } from './queries.ts';

const MANAGER = 4;

/** The user may manage the drive of the webhook; `w` is the alias of the table in the statement. */
const mayManage = (userId: string, driveId: SQL): SQL =>
  sql`storage.rank_in(${uuid(userId)}, ${driveId}) >= ${MANAGER}`;

export function createWebhookRepository(db: Database): WebhookRepository {
  const own = (userId: string, id: string): SQL =>
    sql`w.id = ${uuid(id)} and ${mayManage(userId, sql`w.drive_id`)}`;
  const ownDelivery = (userId: string, webhookId: string): SQL => sql`
    exists (select from storage.webhooks w where w.id = ${webhookDeliveries.webhookId} and ${own(userId, webhookId)})`;
  const read = (userId: string, where: SQL | undefined) =>
    selectWebhooks(db).where(and(mayManage(userId, sql`${webhooks.driveId}`), where));

  return {
    insert: (userId, webhook, limit, audit) =>
      insertWebhook(db, userId, webhook, limit, auditRows(audit, sql`from made`)),

    async find(userId, id) {
      return (await read(userId, eq(webhooks.id, id))).map(toWebhook)[0];
    },

    async list(userId, { driveId, cursor }, limit) {
      const where = and(
        driveId === undefined ? undefined : eq(webhooks.driveId, idToUuid(driveId)),
        cursor === undefined ? undefined : gt(webhooks.id, cursor),
        // Only drives of whom the user is: the others need not be asked for.
        sql`${webhooks.driveId} in (select p.principal_id from auth.principals_of(${uuid(userId)}) p)`,
      );
      return (await read(userId, where).orderBy(asc(webhooks.id)).limit(limit)).map(toWebhook);
    },

    async update(userId, id, { url, events, active }, audit) {
      const [, rows] = await db.batch([
        db.execute(sql`
          with changed as (
            update storage.webhooks w set
              url = coalesce(${url ?? null}::text, w.url),
              events = coalesce(${events === undefined ? null : textArray(events)}::text[], w.events),
              active = coalesce(${active ?? null}::boolean, w.active),
              failures = case when ${active === true} and not w.active then 0 else w.failures end,
              reason = case when ${active ?? null}::boolean is null then w.reason end,
              updated_at = now()
            where ${own(userId, id)} returning w.id
          ) ${auditRows(audit, sql`from changed`)}`),
        read(userId, eq(webhooks.id, id)),
      ]);
      return rows.map(toWebhook)[0];
    },

    async delete(userId, id, audit) {
      const { rows } = await db.execute(sql`
        with deleted as (delete from storage.webhooks w where ${own(userId, id)} returning w.id),
        audited as (${auditRows(audit, sql`from deleted`)})
        select id from deleted`);
      return rows.length > 0;
    },

    async sealedSecret(userId, id) {
      const rows = await db
        .select({ sealedSecret: webhooks.sealedSecret })
        .from(webhooks)
        .where(and(eq(webhooks.id, id), mayManage(userId, sql`${webhooks.driveId}`)));
      return rows[0]?.sealedSecret;
    },

    async replaceSecret(userId, id, from, to, audit) {
      const { rows } = await db.execute(sql`
        with changed as (
          update storage.webhooks w set sealed_secret = ${to}, updated_at = now()
          where ${own(userId, id)} and w.sealed_secret = ${from} returning w.id
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`);
      return rows.length > 0;
    },

    async deliveries(userId, webhookId, { state, cursor }, limit) {
      const rows = await selectDeliveries(db)
        .where(
          and(
            eq(webhookDeliveries.webhookId, webhookId),
            ownDelivery(userId, webhookId),
            state === undefined ? undefined : eq(webhookDeliveries.state, state),
            cursor === undefined ? undefined : lt(webhookDeliveries.id, cursor),
          ),
        )
        .orderBy(desc(webhookDeliveries.id))
        .limit(limit);
      return rows.map(toDelivery);
    },

    async insertTest(userId, webhookId, deliveryId, type) {
      const pending = and(
        eq(webhookDeliveries.webhookId, webhookId),
        eq(webhookDeliveries.type, type),
        eq(webhookDeliveries.state, 'pending'),
        ownDelivery(userId, webhookId),
      );
      const [, rows] = await db.batch([
        db.execute(sql`
          insert into storage.webhook_deliveries (id, webhook_id, event_key, type, payload)
          select ${uuid(deliveryId)}, w.id, 'test:' || ${deliveryId}, ${type}, jsonb_build_object('type', ${type}::text,
            'timestamp', to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', '{}'::jsonb)
          from storage.webhooks w
          where ${own(userId, webhookId)} and not exists (select from storage.webhook_deliveries d
            where d.webhook_id = w.id and d.type = ${type} and d.state = 'pending')`),
        selectDeliveries(db).where(pending).limit(1),
      ]);
      return rows.map(toDelivery)[0];
    },

    async replay(userId, webhookId, deliveryId) {
      const [, rows] = await db.batch([
        db.execute(sql`
          update storage.webhook_deliveries d set state = 'pending', attempts = 0, next_attempt_at = now(),
            delivered_at = null, error = null, response_status = null
          from storage.webhooks w
          where d.id = ${uuid(deliveryId)} and d.webhook_id = w.id and ${own(userId, webhookId)}`),
        selectDeliveries(db).where(
          and(
            eq(webhookDeliveries.id, deliveryId),
            eq(webhookDeliveries.webhookId, webhookId),
            ownDelivery(userId, webhookId),
          ),
        ),
      ]);
      return rows.map(toDelivery)[0];
    },
  };
}

/** Counting and inserting go one after the other in a drive, behind its lock. */
async function insertWebhook(
  db: Database,
  userId: string,
  webhook: Parameters<WebhookRepository['insert']>[1],
  limit: number,
  audit: SQL,
): ReturnType<WebhookRepository['insert']> {
  const { id, driveId, url, events, sealedSecret } = webhook;
  const drive = uuid(driveId);
  const [, , , rows, found] = await db.batch([
    db.execute(ensureDrive(userId, driveId)),
    db.execute(lockDrives(drive)),
    db.execute(sql`
      with made as (
        insert into storage.webhooks (id, drive_id, url, sealed_secret, events, created_by)
        select ${uuid(id)}, d.id, ${url}, ${sealedSecret}, ${textArray(events)}::text[], ${uuid(userId)}
        from storage.drives d
        where d.id = ${drive} and ${mayManage(userId, sql`d.id`)}
          and (select count(*) from storage.webhooks w where w.drive_id = d.id) < ${limit}
        returning id
      ) ${audit}`),
    selectWebhooks(db).where(eq(webhooks.id, id)),
    db.execute(sql`select storage.rank_in(${uuid(userId)}, ${drive}) as rank`),
  ]);
  const [made] = rows.map(toWebhook);
  if (made !== undefined) return made;
  const rank = Number(found.rows[0]?.rank ?? 0);
  if (rank === 0) return 'drive_not_found';
  return rank < MANAGER ? 'role_required' : 'too_many_webhooks';
}

const textArray = (texts: readonly string[]): string => `{${texts.map((text) => `"${text}"`).join(',')}}`;

function selectWebhooks(db: Database) {
  return db
    .select({
      id: webhooks.id,
      driveId: webhooks.driveId,
      driveKind: drives.kind,
      url: webhooks.url,
      events: webhooks.events,
      active: webhooks.active,
      reason: webhooks.reason,
      failures: webhooks.failures,
      createdBy: webhooks.createdBy,
      createdAt: webhooks.createdAt,
      updatedAt: webhooks.updatedAt,
    })
    .from(webhooks)
    .innerJoin(drives, eq(drives.id, webhooks.driveId))
    .$dynamic();
}

function toWebhook({ driveKind, ...row }: Awaited<ReturnType<typeof selectWebhooks>>[number]): Webhook {
  return {
    ...row,
    driveId: driveIdOf(row.driveId, driveKind),
    events: storageEventTypeSchema.array().parse(row.events),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function selectDeliveries(db: Database) {
  return db
    .select({
      id: webhookDeliveries.id,
      type: webhookDeliveries.type,
      state: webhookDeliveries.state,
      attempts: webhookDeliveries.attempts,
      nextAttemptAt: webhookDeliveries.nextAttemptAt,
      responseStatus: webhookDeliveries.responseStatus,
      error: webhookDeliveries.error,
      createdAt: webhookDeliveries.createdAt,
      deliveredAt: webhookDeliveries.deliveredAt,
    })
    .from(webhookDeliveries)
    .$dynamic();
}

function toDelivery(row: Awaited<ReturnType<typeof selectDeliveries>>[number]): Delivery {
  return {
    ...row,
    nextAttemptAt: row.state === 'pending' ? row.nextAttemptAt.toISOString() : null,
    createdAt: row.createdAt.toISOString(),
    deliveredAt: row.deliveredAt?.toISOString() ?? null,
  };
}
