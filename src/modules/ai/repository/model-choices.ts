import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { rankInDrive } from '../../../core/database/schema/published.ts';
import { type ModelChoice, modelChoiceSchema } from '../models/models.ts';
import type { ChoosingDrive, ModelChoiceRepository } from '../ports/models.ts';
import { MODEL_CHOICES } from './job-vectors.ts';

/** Stands for all drives that have not chosen. */
const DEPLOYMENT = '00000000-0000-0000-0000-000000000000';
const EMBEDDING = 'feature-extraction';

const uuidOf = (drive: ChoosingDrive): SQL => sql`${drive === null ? DEPLOYMENT : idToUuid(drive)}::uuid`;

export function createModelChoiceRepository(db: Database): ModelChoiceRepository {
  return {
    async choices(drive) {
      const { rows } = await db.execute(sql`
        select distinct on (c.task) c.task, c.model, c.next_model, c.drive_id = ${uuidOf(drive)} as own,
          progress.*
        from ai.model_choices c left join lateral (${progressOf(sql`c`)}) progress on c.next_model is not null
        where c.drive_id in (${uuidOf(drive)}, ${uuidOf(null)})
        order by c.task, c.drive_id desc`);
      return rows.map((row) => toChoice(row, drive));
    },

    async rank(userId, drive) {
      const { rows } = await db.execute(sql`select coalesce(${rankInDrive(userId, drive)}, 0) as rank`);
      return Number(rows[0]?.rank ?? 0);
    },

    async choose(userId, drive, task, model) {
      // What has no vectors to wait for is the model at once; of what has, `switched` decides.
      const isInstant = task !== EMBEDDING;
      await db.batch([
        db.execute(lock),
        db.execute(sql`
          insert into ai.model_choices (drive_id, task, model, changed_by)
          select ${uuidOf(drive)}, ${task}, coalesce(ai.model_for(${uuidOf(drive)}, ${task}), ${model}),
            ${idToUuid(userId)}::uuid
          on conflict do nothing`),
        db.execute(sql`
          update ai.model_choices c set changed_by = ${idToUuid(userId)}::uuid, changed_at = now(),
            model = case when ${isInstant} then ${model} else c.model end,
            next_model = case when c.model = ${model} or ${isInstant} then null else ${model} end
          where c.drive_id = ${uuidOf(drive)} and c.task = ${task}`),
        db.execute(switched(uuidOf(drive), model)),
        db.execute(merge),
      ]);
    },

    async forget(userId, drive, task) {
      // Of an embedding model the drive goes over to the deployment's first; its own choice ends when that is done.
      await db.batch([
        db.execute(lock),
        db.execute(sql`
          update ai.model_choices c set changed_by = ${idToUuid(userId)}::uuid, changed_at = now(),
            next_model = nullif(coalesce(d.next_model, d.model), c.model)
          from ai.model_choices d
          where c.drive_id = ${uuidOf(drive)} and c.task = ${task} and ${task} = ${EMBEDDING}
            and d.drive_id = ${uuidOf(null)} and d.task = c.task`),
        db.execute(sql`
          delete from ai.model_choices c where c.drive_id = ${uuidOf(drive)} and c.task = ${task}
            and ${task} <> ${EMBEDDING}`),
        db.execute(merge),
      ]);
    },

    async isInUse(model) {
      const { rows } = await db.execute(sql`
        select exists (select from ai.model_choices c where ${model} in (c.model, c.next_model)) as used`);
      return rows[0]?.used === true;
    },

    async changes() {
      const { rows } = await db.execute(sql`
        select c.drive_id, c.next_model from ai.model_choices c
        where c.task = ${EMBEDDING} and c.next_model is not null order by c.drive_id`);
      return rows.map((row) => ({ place: String(row.drive_id), next: String(row.next_model) }));
    },

    async addSpace(model, dimensions) {
      await db.batch([
        db.execute(lock),
        db.execute(sql`select ai.add_embedding_model(${model}, ${dimensions}::int)`),
      ]);
    },

    async askForVectors({ place, next }, most) {
      const { rows } = await db.execute(sql`
        with lacking as materialized (
          select w.version_id from ai.versions_without(${place}::uuid, ${next}) w
            join ai.analyses a on a.version_id = w.version_id
          where not a.todo && '{vectors}' limit ${most}
        )
        select r.version_id from ai.request_work(
          (select array_agg(l.version_id) from lacking l), '{vectors}'::text[], 1) r`);
      return rows.length;
    },

    async switchOver({ place, next }) {
      const [, { rows }] = await db.batch([
        db.execute(lock),
        db.execute(switched(sql`${place}::uuid`, next)),
        db.execute(merge),
      ]);
      return rows.length > 0;
    },

    async forgetUnused(most) {
      // A search that began before a switch still compares with the old vectors.
      const unused = sql`not exists (select from ai.model_choices c where m.model in (c.model, c.next_model))
        and exists (select from ai.model_choices c where c.task = ${EMBEDDING})
        and not exists (select from ai.model_choices c where c.task = ${EMBEDDING}
          and c.changed_at > now() - ${SEARCH_SECONDS} * interval '1 second')`;
      const [, documents, vectors] = await db.batch([
        db.execute(lock),
        // They are what says that a version has all its vectors: they go first.
        db.execute(sql`
          delete from ai.document_vectors d using ai.embedding_models m where m.model = d.model and ${unused}
            and d.version_id in (select x.version_id from ai.document_vectors x where x.model = m.model limit ${most})
          returning d.version_id`),
        db.execute(sql`
          delete from ai.embeddings e using (
            select x.version_id, x.index, x.model from ai.embeddings x join ai.embedding_models m on m.model = x.model
            where ${unused} and not exists (
              select from ai.document_vectors d where d.version_id = x.version_id and d.model = x.model) limit ${most}
          ) old where e.version_id = old.version_id and e.index = old.index and e.model = old.model
          returning e.version_id`),
        db.execute(sql`
          select ai.drop_embedding_model(m.model) from ai.embedding_models m
          where ${unused} and not exists (select from ai.embeddings e where e.model = m.model)`),
      ]);
      return documents.rows.length + vectors.rows.length;
    },
  };
}

/** Longer than a search takes, from asking which model there is until it compares vectors. */
const SEARCH_SECONDS = 60;

/** Of the change that a choice `c` is in the middle of. */
const progressOf = (c: SQL): SQL => sql`
  select count(*) as versions, count(*) filter (where missing and not failed) as versions_left,
    count(*) filter (where missing and failed) as versions_failed,
    max(reason) filter (where missing) as waits_for
  from (
    select a.reason, coalesce(a.given_up_at >= ${c}.changed_at, false) as failed,
      not exists (select from ai.document_vectors d
        where d.version_id = u.version_id and d.model = ${c}.next_model) as missing
    from ai.versions_under(${c}.drive_id, ${c}.task) u join ai.analyses a on a.version_id = u.version_id
  ) version`;

/**
 * The next model of a place becomes its model, if no version lacks its vectors any more, and it did not fail for more
 * of them than it worked for. What it failed for has no vectors from then on, and says so.
 */
const switched = (place: SQL, next: string): SQL => sql`
  with switched as (
    update ai.model_choices c set model = c.next_model, next_model = null, changed_at = now()
    where c.drive_id = ${place} and c.task = ${EMBEDDING} and c.next_model = ${next}
      and not exists (select from ai.versions_without(c.drive_id, c.next_model))
      and (select 2 * p.versions_failed <= p.versions from (${progressOf(sql`c`)}) p)
    returning c.drive_id, c.model
  ), named as (
    update ai.analyses a set embedding_model = d.model, embedding_provider = null
    from switched s cross join lateral ai.versions_under(s.drive_id, ${EMBEDDING}) u
      left join ai.document_vectors d on d.version_id = u.version_id and d.model = s.model
    where a.version_id = u.version_id
  )
  select drive_id from switched`;

/** Choosing, switching and forgetting decide about the same rows: one after the other, and apart from job-vectors.ts. */
const lock = sql`select pg_advisory_xact_lock(${MODEL_CHOICES})`;

/** A drive that has chosen what the deployment has anyway has not chosen: it follows the deployment from now on. */
const merge = sql`
  delete from ai.model_choices c using ai.model_choices d
  where c.drive_id <> ${DEPLOYMENT}::uuid and d.drive_id = ${DEPLOYMENT}::uuid and d.task = c.task
    and c.next_model is null and d.next_model is null and c.model = d.model`;

function toChoice(row: Record<string, unknown>, drive: ChoosingDrive): ModelChoice {
  return modelChoiceSchema.parse({
    task: row.task,
    model: row.model,
    chosenBy: drive !== null && row.own === true ? 'drive' : 'deployment',
    next:
      row.next_model === null
        ? null
        : {
            model: row.next_model,
            versionsLeft: Number(row.versions_left),
            versionsFailed: Number(row.versions_failed),
            versions: Number(row.versions),
            waitsFor: row.waits_for,
          },
  });
}
