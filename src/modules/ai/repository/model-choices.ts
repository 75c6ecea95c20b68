import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { rankInDrive } from '../../../core/database/schema/published.ts';
import { type ModelChoice, modelChoiceSchema } from '../models/models.ts';
import type { ChoosingDrive, ModelChoiceRepository } from '../ports/models.ts';

/** Stands for all drives that have not chosen. */
const DEPLOYMENT = '00000000-0000-0000-0000-000000000000';
const EMBEDDING = 'feature-extraction';

const uuidOf = (drive: ChoosingDrive): SQL => sql`${drive === null ? DEPLOYMENT : idToUuid(drive)}::uuid`;

export function createModelChoiceRepository(db: Database): ModelChoiceRepository {
  return {
    async choices(drive) {
      const { rows } = await db.execute(sql`
        select distinct on (c.task) c.task, c.model, c.next_model, c.drive_id = ${uuidOf(drive)} as own,
          (select count(*) from ai.versions_without(c.drive_id, c.next_model)) as versions_left,
          (select count(*) from ai.versions_under(c.drive_id, c.task) where c.next_model is not null) as versions
        from ai.model_choices c where c.drive_id in (${uuidOf(drive)}, ${uuidOf(null)})
        order by c.task, c.drive_id desc`);
      return rows.map((row) => toChoice(row, drive));
    },

    async rank(userId, drive) {
      const { rows } = await db.execute(sql`select coalesce(${rankInDrive(userId, drive)}, 0) as rank`);
      return Number(rows[0]?.rank ?? 0);
    },

    async choose(userId, drive, task, model) {
      // Vectors are made before they are asked; what has none yet has nothing to wait for.
      const ready =
        task === EMBEDDING
          ? sql`not exists (select from ai.versions_without(${uuidOf(drive)}, ${model}))`
          : sql`true`;
      await db.batch([
        db.execute(lock),
        db.execute(sql`
          insert into ai.model_choices (drive_id, task, model, changed_by)
          select ${uuidOf(drive)}, ${task}, coalesce(ai.model_for(${uuidOf(drive)}, ${task}), ${model}),
            ${idToUuid(userId)}::uuid
          on conflict do nothing`),
        db.execute(sql`
          update ai.model_choices c set changed_by = ${idToUuid(userId)}::uuid, changed_at = now(),
            model = case when ${ready} then ${model} else c.model end,
            next_model = case when c.model = ${model} or ${ready} then null else ${model} end
          where c.drive_id = ${uuidOf(drive)} and c.task = ${task}`),
        db.execute(merge),
      ]);
    },

    async forget(userId, drive, task) {
      // Of an embedding model the drive goes over to the deployment's first; its own choice ends when that is done.
      await db.batch([
        db.execute(lock),
        db.execute(sql`
          update ai.model_choices c set changed_by = ${idToUuid(userId)}::uuid, changed_at = now(),
            next_model = ai.model_for(${uuidOf(null)}, ${task})
          where c.drive_id = ${uuidOf(drive)} and c.task = ${task} and ${task} = ${EMBEDDING}
            and c.model <> ai.model_for(${uuidOf(null)}, ${task})`),
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
      await db.execute(sql`select ai.add_embedding_model(${model}, ${dimensions}::int)`);
    },

    async askForVectors({ place, next }, most) {
      const { rows } = await db.execute(sql`
        with lacking as materialized (
          select w.version_id from ai.versions_without(${place}::uuid, ${next}) w
            join ai.analyses a on a.version_id = w.version_id
          where not a.todo && '{vectors}' order by w.version_id limit ${most}
        )
        select r.version_id from ai.request_work(
          (select array_agg(l.version_id) from lacking l), '{vectors}'::text[], 1) r`);
      return rows.length;
    },

    async switchOver({ place, next }) {
      const [, { rows }] = await db.batch([
        db.execute(lock),
        db.execute(sql`
          with switched as (
            update ai.model_choices c set model = c.next_model, next_model = null, changed_at = now()
            where c.drive_id = ${place}::uuid and c.task = ${EMBEDDING} and c.next_model = ${next}
              and not exists (select from ai.versions_without(c.drive_id, c.next_model))
            returning c.drive_id, c.model
          ), named as (
            update ai.analyses a set embedding_model = s.model
            from switched s, ai.versions_under(s.drive_id, ${EMBEDDING}) u
            where a.version_id = u.version_id and a.embedding_model is not null
          )
          select drive_id from switched`),
        db.execute(merge),
      ]);
      return rows.length > 0;
    },

    async forgetUnused(most) {
      const unused = sql`not exists (select from ai.model_choices c where m.model in (c.model, c.next_model))
        and exists (select from ai.model_choices c where c.task = ${EMBEDDING})`;
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
            where ${unused} limit ${most}
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

/** Choosing, switching and forgetting decide about the same rows: one after the other. */
const lock = sql`select pg_advisory_xact_lock(hashtextextended('ai:model-choices', 0))`;

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
            versions: Number(row.versions),
          },
  });
}
