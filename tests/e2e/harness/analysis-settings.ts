import { z } from 'zod';
import { newId } from '../../../src/core/database/columns.ts';
import type { Belongings, Owner } from './belongings.ts';
import { bodyOf, type Client, refusal } from './client.ts';
import { query } from './database.ts';
import type { Installation } from './global-setup.ts';
import { MODEL } from './sensible-bodies.ts';

const idSchema = z.looseObject({ id: z.string() });
const uuid = (id: string) => id.slice(id.indexOf('_') + 1);

/** Of the AI module: one of everything that a person has set up in the workspace's drive or said of a file. */
export async function newAnalysisSettings(
  owner: Client,
  installation: Installation,
  { userId, workspace, file }: Omit<Owner, 'group'>,
): Promise<Belongings> {
  const drive = `/v1/drives/${workspace}`;
  const make = async (path: string, json: object) =>
    bodyOf(await owner.call('POST', path, { json }), 201, idSchema).id;
  const put = async (path: string, json: object) => {
    const answer = refusal(await owner.call('PUT', path, { json }));
    if (answer !== '200') throw new Error(`PUT ${path} answered ${answer}`);
  };
  const label = await make(`${drive}/labels`, { name: 'theirs', description: 'Of theirs.' });
  const action = { kind: 'tag', tag: 'theirs' };
  const rule = await make(`${drive}/rules`, { label, action });
  await put(`${drive}/fields/theirs`, { type: 'text', description: 'Whose it is.' });
  await put(`${drive}/plugins/keywords`, { enabled: false });
  await put(`${drive}/models/feature-extraction`, { model: MODEL });
  const ofPerson = await make(`/v1/drives/${userId}/labels`, { name: 'theirs' });
  await put(`/v1/files/${file.id}/categories/${ofPerson}`, { correct: true });
  const batch = newId('bat');
  await query(
    installation,
    // Paused, so that nothing becomes of it by itself.
    `with batch as (
       insert into ai.batches (id, created_by, operation, selection, state, total)
       values ($1::uuid, $2::uuid, 're-analyse', $3::jsonb, 'paused', 1) returning id
     )
     insert into ai.batch_items (batch_id, version_id, file_id)
     select batch.id, $4::uuid, $5::uuid from batch`,
    [
      uuid(batch),
      uuid(userId),
      JSON.stringify({ fileIds: [file.id] }),
      uuid(file.version?.id ?? ''),
      uuid(file.id),
    ],
  );

  return {
    ids: [
      [/ labelId$/, label],
      [/ ruleId$/, rule],
      [/ label$/, ofPerson],
      [/\/fields\/.* name$/, 'theirs'],
      [/\/plugins\/.* name$/, 'keywords'],
      [/ task$/, 'feature-extraction'],
      [/^\/v1\/batches.* command$/, 'cancel'],
      [/^\/v1\/batches.* id$/, batch],
    ],
    async inventory() {
      const of = 'drive_id in ($1::uuid, $2::uuid)';
      const rows = (table: string, where: string) =>
        `(select coalesce(jsonb_agg(to_jsonb(r) order by to_jsonb(r)::text), '[]') from ai.${table} r where ${where})`;
      const tables = ['labels', 'label_examples', 'rules', 'fields', 'plugin_settings', 'model_choices'];
      const [kept] = await query(
        installation,
        `select ${tables.map((table) => `${rows(table, of)} as ${table}`).join(', ')},
           ${rows('batches', 'created_by = $1::uuid')} as batches,
           ${rows('batch_items', 'batch_id in (select id from ai.batches where created_by = $1::uuid)')} as items,
           (select coalesce(jsonb_agg(jsonb_build_array(version_id, run) order by version_id), '[]') from ai.analyses
            where run > 1 and version_id in (select version_id from storage.version_facts where ${of})) as asked_for`,
        [uuid(userId), uuid(workspace)],
      );
      return kept;
    },
  };
}
