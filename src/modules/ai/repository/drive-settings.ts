import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type FieldPrompt, fieldPromptSchema, type LabelPrompt } from '../../../contracts/sidecar.ts';
import type { Database } from '../../../core/database/client.ts';
import { MAX_FIELDS } from '../models/fields.ts';
import { MAX_LABELS } from '../models/labels.ts';
import type { DriveSettingRepository } from '../ports/drive-settings.ts';
import { labelOf, uuid } from './drive-access.ts';

/** Of what was said of a label to be right, and to be wrong, the latest count. */
const LEARNED_FROM = 200;

export function createDriveSettingRepository(db: Database): DriveSettingRepository {
  return {
    async settingsOf(driveId, embeddingModel) {
      const [labels, learned, fields, plugins] = await db.batch([
        db.execute(sql`
          select ${labelOf(sql`l.id`)} as id, l.name, l.description from ai.labels l
          where l.drive_id = ${uuid(driveId)} order by l.id limit ${MAX_LABELS}`),
        db.execute(selectLearned(driveId, embeddingModel)),
        db.execute(sql`
          select f.name, f.type, f.description, to_json(f.choices) as choices from ai.fields f
          where f.drive_id = ${uuid(driveId)} order by f.name limit ${MAX_FIELDS}`),
        db.execute(
          sql`select p.plugin, p.enabled from ai.plugin_settings p where p.drive_id = ${uuid(driveId)}`,
        ),
      ]);
      const own = labels.rows.map((row) => promptSchema.parse(row));
      return {
        labels: withLearned(
          own,
          learned.rows.map((row) => learnedSchema.parse(row)),
        ),
        fields: fields.rows.map(toField),
        plugins: plugins.rows.map((row) => ({ plugin: String(row.plugin), enabled: row.enabled === true })),
      };
    },
  };
}

const promptSchema = z.object({ id: z.string(), name: z.string(), description: z.string() });
const learnedSchema = z.object({
  label: z.string(),
  positive: z.boolean(),
  count: z.coerce.number(),
  /** pgvector's text, `[1,2,3]`. */
  mean: z.string().transform((text) => z.array(z.number()).parse(JSON.parse(text))),
});
type Learned = z.infer<typeof learnedSchema>;

/** Rows (label, positive, count, mean) over the current versions of live files that are still in the drive. */
const selectLearned = (driveId: string, embeddingModel: string | null): SQL => sql`
  select x.label, x.positive, count(*) as count, avg(x.embedding)::text as mean
  from (
    select e.label, e.positive, d.embedding, row_number() over (
      partition by e.label, e.positive order by e.created_at desc, e.file_id) as place
    from ai.label_examples e
      join storage.file_facts f on f.file_id = e.file_id and f.drive_id = e.drive_id
      join ai.document_vectors d on d.version_id = f.version_id and d.model = ${embeddingModel}::text
    where e.drive_id = ${uuid(driveId)} and storage.is_live(e.file_id)
  ) x
  where x.place <= ${LEARNED_FROM}
  group by x.label, x.positive order by x.label`;

function withLearned(
  own: readonly z.infer<typeof promptSchema>[],
  learned: readonly Learned[],
): LabelPrompt[] {
  const of = (label: string, positive: boolean) => {
    const found = learned.find((each) => each.label === label && each.positive === positive);
    return found && { vector: found.mean.map(shortened), count: found.count };
  };
  const prompts = own.length > 0 ? own : taxonomyOf(learned);
  return prompts.map((prompt) => {
    const [positive, negative] = [of(prompt.id, true), of(prompt.id, false)];
    return { ...prompt, ...(positive ? { positive } : {}), ...(negative ? { negative } : {}) };
  });
}

const taxonomyOf = (learned: readonly Learned[]) =>
  [...new Set(learned.map(({ label }) => label))]
    .filter((label) => !label.startsWith('lbl_'))
    .map((name) => ({ id: name, name, description: '' }));

/** As much as a 32-bit number says; the wire is text. */
const shortened = (value: number): number => Number(value.toPrecision(7));

const toField = (row: Record<string, unknown>): FieldPrompt =>
  fieldPromptSchema.parse({
    name: row.name,
    type: row.type,
    description: row.description,
    ...(row.choices === null ? {} : { choices: row.choices }),
  });
