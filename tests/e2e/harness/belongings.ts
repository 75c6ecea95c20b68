import { z } from 'zod';
import { newId } from '../../../src/core/database/columns.ts';
import { bodyOf, type Client } from './client.ts';
import { query } from './database.ts';
import { makeFolder, post, upload } from './files.ts';
import type { Installation } from './global-setup.ts';
import { type File, fileSchema } from './wire.ts';

/** What of a module is somebody's. */
export interface Belongings {
  /** By `path parameter`, the most specific first. */
  readonly ids: readonly (readonly [RegExp, string | undefined])[];
  /** Every row of it, with whatever a call could change. */
  inventory(): Promise<unknown>;
}

export interface Owner {
  readonly userId: string;
  readonly workspace: string;
  readonly group: string;
  readonly file: File;
}

const MIB = 1024 * 1024;
const idSchema = z.looseObject({ id: z.string() });
const uuid = (id: string) => id.slice(id.indexOf('_') + 1);

/** One of everything, of the person's drive and of the workspace's. */
export async function newBelongings(
  owner: Client,
  installation: Installation,
  { userId, workspace, group, file }: Owner,
): Promise<Belongings> {
  const make = async (path: string, json: object) =>
    bodyOf(await owner.call('POST', path, { json }), 201, idSchema).id;
  const at = `/v1/files/${file.id}`;

  bodyOf(await owner.call('PUT', `${at}/content`, { body: 'and then something else' }), 200, fileSchema);
  const [person] = await query(
    installation,
    `insert into auth.users (id, email, email_verified_at, role)
     values ($1::uuid, $2, now(), 'member') returning id`,
    [uuid(newId('usr')), `${crypto.randomUUID()}@example.com`],
  );
  const guest = `usr_${String(person?.id).replaceAll('-', '')}`;
  const grant = await make(`${at}/grants`, { principal: { kind: 'user', id: guest }, role: 'editor' });
  await make(`${at}/grants`, { principal: { kind: 'group', id: group }, role: 'viewer' });
  await make(`${at}/grants`, { principal: { kind: 'workspace', id: workspace }, role: 'commenter' });
  const link = await make(`${at}/links`, { mode: 'download', name: 'theirs' });
  const comment = await make(`${at}/comments`, { text: 'for us only' });
  await owner.call('PUT', `${at}/favourite`);
  const trashed = await upload(owner, 'thrown away.txt', 'nothing either');
  await owner.call('DELETE', `/v1/files/${trashed.id}`);
  const folder = await makeFolder(owner, 'their folder');
  await upload(owner, 'inside.txt', 'deeper', folder.id);
  bodyOf(await post(owner, `of the workspace&driveId=${workspace}`, 'x'), 201, fileSchema);
  const ours = { driveId: workspace, name: 'ours.txt', size: 6 * MIB };
  const parts = await make('/v1/uploads', ours);
  const tus = await owner.call('POST', '/v1/tus', {
    headers: { 'tus-resumable': '1.0.0', 'upload-length': '9', 'upload-metadata': `filename ${btoa('tus')}` },
  });
  const webhook = newId('whk');
  const delivery = newId('whd');
  await query(
    installation,
    // Of an event that never happens, so that nobody is called.
    `with webhook as (
       insert into storage.webhooks (id, drive_id, url, sealed_secret, events, created_by)
       values ($1::uuid, $3::uuid, 'https://receiver.example/', 'x', '{content.repaired}', $3::uuid) returning id
     )
     insert into storage.webhook_deliveries (id, webhook_id, event_key, type, payload, state)
     select $2::uuid, id, 'theirs', 'content.repaired', '{}', 'failed' from webhook`,
    [uuid(webhook), uuid(delivery), uuid(userId)],
  );

  return {
    ids: [
      [/versionId$/, file.version?.id],
      [/grantId$/, grant],
      [/linkId$/, link],
      [/commentId$/, comment],
      [/deliveryId$/, delivery],
      [/driveId$/, workspace],
      [/^\/v1\/uploads.* id$/, parts],
      [/^\/v1\/tus.* id$/, tus.headers.get('location')?.split('/').at(-1)],
      [/^\/v1\/trash.* id$/, trashed.id],
      [/^\/v1\/(shared|favourites).* id$/, file.id],
      [/^\/v1\/webhooks.* id$/, webhook],
    ],
    async inventory() {
      const of = 'drive_id in ($1::uuid, $2::uuid)';
      const file = `file_id in (select id from storage.files where ${of})`;
      // The generation of a drive grows with every analysis, too.
      const rows = (table: string, where: string) =>
        `(select coalesce(jsonb_agg(to_jsonb(r) - 'generation' order by r.id), '[]') from storage.${table} r where ${where})`;
      const [kept] = await query(
        installation,
        `select ${rows('files', of)} as files, ${rows('versions', of)} as versions,
           ${rows('scopes', of)} as scopes, ${rows('grants', file)} as grants, ${rows('links', file)} as links,
           ${rows('comments', file)} as comments, ${rows('uploads', of)} as uploads,
           ${rows('webhooks', of)} as webhooks,
           ${rows('webhook_deliveries', `webhook_id in (select id from storage.webhooks where ${of})`)} as deliveries,
           ${rows('drives', 'id in ($1::uuid, $2::uuid)')} as drives,
           (select count(*) from storage.favourites where ${file}) as favourites,
           (select count(*) from storage.outbox where ${of}) as told`,
        [uuid(userId), uuid(workspace)],
      );
      return kept;
    },
  };
}
