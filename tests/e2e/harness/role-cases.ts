import type { CallOptions, Client } from './client.ts';
import { bodyOf, textOf } from './client.ts';
import { makeFolder, upload } from './files.ts';
import { fileSchema } from './wire.ts';

/** What one role is tried on: a folder of its own in a drive, with something for every call to take or break. */
export interface Fixture {
  readonly driveId: string;
  readonly folder: string;
  readonly path: string;
  readonly file: string;
  readonly oldVersion: string;
  readonly doomedVersion: string;
  readonly renamed: string;
  readonly trashed: string;
  readonly restored: string;
  readonly purged: string;
  readonly comment: string;
  readonly grant: string;
  readonly doomedGrant: string;
  readonly link: string;
  readonly doomedLink: string;
  readonly label: string;
  readonly doomedLabel: string;
  readonly rule: string;
  readonly doomedRule: string;
  /** Somebody who has no grant yet. */
  readonly guest: string;
}

/** @param keeper somebody who may do everything in the drive */
export async function newFixture(
  keeper: Client,
  { driveId, name, guests }: { driveId: string; name: string; guests: readonly [string, string, string] },
): Promise<Fixture> {
  const made = await keeper.call('POST', '/v1/folders', { json: { name, driveId } });
  const folder = bodyOf(made, 201, fileSchema);
  const newFile = async (called: string) => (await upload(keeper, called, called, folder.id)).id;
  const file = await upload(keeper, 'file.txt', 'first', folder.id);
  const versions = [file.version?.id ?? ''];
  for (const body of ['second', 'third']) {
    const next = await keeper.call('PUT', `/v1/files/${file.id}/content`, { body });
    versions.push(bodyOf(next, 200, fileSchema).version?.id ?? '');
  }
  const make = async (path: string, json: object) => {
    const answer = await keeper.call('POST', path, { json });
    if (answer.status !== 201) throw new Error(`${path} answered ${answer.status} ${textOf(answer)}`);
    return String(JSON.parse(textOf(answer)).id);
  };
  const idOf = (path: string, json: object) => make(`/v1/files/${file.id}/${path}`, json);
  const inDrive = (path: string, json: object) => make(`/v1/drives/${driveId}/${path}`, json);
  const rule = { label: 'invoice', action: { kind: 'tag', tag: 'bill' } };
  const field = { type: 'text', description: 'What it is about.' };
  await keeper.call('PUT', `/v1/drives/${driveId}/fields/subject`, { json: field });
  const grantTo = (id: string) => idOf('grants', { principal: { kind: 'user', id }, role: 'viewer' });
  const thrownAway = async (called: string) => {
    const id = await newFile(called);
    await keeper.call('DELETE', `/v1/files/${id}`);
    return id;
  };
  await makeFolder(keeper, 'below', folder.id);
  return {
    driveId,
    folder: folder.id,
    path: `/${name}/file.txt`,
    file: file.id,
    oldVersion: versions[0] ?? '',
    doomedVersion: versions[1] ?? '',
    renamed: await newFile('renamed'),
    trashed: await newFile('trashed'),
    restored: await thrownAway('restored'),
    purged: await thrownAway('purged'),
    comment: await idOf('comments', { text: 'of somebody else' }),
    grant: await grantTo(guests[0]),
    doomedGrant: await grantTo(guests[1]),
    link: await idOf('links', { mode: 'view' }),
    doomedLink: await idOf('links', { mode: 'view' }),
    label: await inDrive('labels', { name: `label of ${name}` }),
    doomedLabel: await inDrive('labels', { name: `doomed label of ${name}` }),
    rule: await inDrive('rules', rule),
    doomedRule: await inDrive('rules', rule),
    guest: guests[2],
  };
}

export type Case = readonly [method: string, path: string, options?: CallOptions];

const TUS = { 'tus-resumable': '1.0.0', 'upload-length': '2' };
const metadata = (pairs: Readonly<Record<string, string>>) => ({
  'upload-metadata': Object.entries(pairs)
    .map(([key, value]) => `${key} ${btoa(value)}`)
    .join(','),
});

/**
 * The call of each row, by the name in the table of docs/permissions.md; what follows the name in parentheses there
 * tells two rows of one operation apart.
 */
export const STORAGE_CASES: Readonly<Record<string, (at: Fixture) => Case>> = {
  'GET /v1/files (of a folder)': ({ folder }) => ['GET', `/v1/files?parentId=${folder}`],
  'GET /v1/files (of the drive)': ({ driveId }) => ['GET', `/v1/files?driveId=${driveId}`],
  'GET /v1/files/by-path': ({ driveId, path }) => [
    'GET',
    `/v1/files/by-path?${new URLSearchParams({ driveId, path })}`,
  ],
  'GET /v1/files/{id}': ({ file }) => ['GET', `/v1/files/${file}`],
  'GET /v1/files/{id}/summary': ({ folder }) => ['GET', `/v1/files/${folder}/summary`],
  'GET /v1/files/{id}/content': ({ file }) => ['GET', `/v1/files/${file}/content`],
  'GET /v1/files/{id}/thumbnail': ({ file }) => ['GET', `/v1/files/${file}/thumbnail`],
  'GET /v1/files/{id}/zip': ({ folder }) => ['GET', `/v1/files/${folder}/zip`],
  'GET /v1/files/{id}/analysis': ({ file }) => ['GET', `/v1/files/${file}/analysis`],
  'GET /v1/files/{id}/versions': ({ file }) => ['GET', `/v1/files/${file}/versions`],
  'GET /v1/files/{id}/versions/{versionId}': ({ file, oldVersion }) => [
    'GET',
    `/v1/files/${file}/versions/${oldVersion}`,
  ],
  'GET /v1/files/{id}/versions/{versionId}/content': ({ file, oldVersion }) => [
    'GET',
    `/v1/files/${file}/versions/${oldVersion}/content`,
  ],
  'GET /v1/files/{id}/versions/{versionId}/thumbnail': ({ file, oldVersion }) => [
    'GET',
    `/v1/files/${file}/versions/${oldVersion}/thumbnail`,
  ],
  'GET /v1/files/{id}/comments': ({ file }) => ['GET', `/v1/files/${file}/comments`],
  'GET /v1/files/{id}/access': ({ file }) => ['GET', `/v1/files/${file}/access`],
  'PUT /v1/files/{id}/favourite': ({ file }) => ['PUT', `/v1/files/${file}/favourite`],
  'DELETE /v1/files/{id}/favourite': ({ file }) => ['DELETE', `/v1/files/${file}/favourite`],
  'POST /v1/files/{id}/copy (to one’s own drive)': ({ file }) => [
    'POST',
    `/v1/files/${file}/copy`,
    { json: {} },
  ],
  'POST /v1/files/{id}/copy (to its folder)': ({ file, folder }) => [
    'POST',
    `/v1/files/${file}/copy`,
    { json: { parentId: folder, conflict: 'rename' } },
  ],
  'POST /v1/files/{id}/comments': ({ file }) => [
    'POST',
    `/v1/files/${file}/comments`,
    { json: { text: 'hello' } },
  ],
  'DELETE /v1/files/{id}/comments/{commentId} (of somebody else)': ({ file, comment }) => [
    'DELETE',
    `/v1/files/${file}/comments/${comment}`,
  ],
  'POST /v1/files (into a folder)': ({ folder }) => [
    'POST',
    `/v1/files?name=new.txt&parentId=${folder}`,
    { body: 'new' },
  ],
  'POST /v1/files (into the drive)': ({ driveId }) => [
    'POST',
    `/v1/files?name=new.txt&conflict=rename&driveId=${driveId}`,
    { body: 'new' },
  ],
  'POST /v1/folders': ({ folder }) => ['POST', '/v1/folders', { json: { name: 'new', parentId: folder } }],
  'PATCH /v1/files/{id}': ({ renamed }) => ['PATCH', `/v1/files/${renamed}`, { json: { name: 'other' } }],
  'PUT /v1/files/{id}/content': ({ renamed }) => ['PUT', `/v1/files/${renamed}/content`, { body: 'more' }],
  'POST /v1/files/{id}/versions/{versionId}/restore': ({ file, oldVersion }) => [
    'POST',
    `/v1/files/${file}/versions/${oldVersion}/restore`,
    { json: {} },
  ],
  'PATCH /v1/files/{id}/versions/{versionId}': ({ file, oldVersion }) => [
    'PATCH',
    `/v1/files/${file}/versions/${oldVersion}`,
    { json: { label: 'seen' } },
  ],
  'POST /v1/uploads': ({ folder }) => [
    'POST',
    '/v1/uploads',
    { json: { name: 'parts.bin', size: 9, parentId: folder } },
  ],
  'POST /v1/tus': ({ folder }) => [
    'POST',
    '/v1/tus',
    { headers: { ...TUS, ...metadata({ filename: 'tus.bin', parentId: folder }) } },
  ],
  'DELETE /v1/files/{id}': ({ trashed }) => ['DELETE', `/v1/files/${trashed}`],
  'POST /v1/trash/{id}/restore': ({ restored }) => ['POST', `/v1/trash/${restored}/restore`, { json: {} }],
  'DELETE /v1/trash/{id}': ({ purged }) => ['DELETE', `/v1/trash/${purged}`],
  'DELETE /v1/files/{id}/versions/{versionId}': ({ file, doomedVersion }) => [
    'DELETE',
    `/v1/files/${file}/versions/${doomedVersion}`,
  ],
  'GET /v1/files/{id}/grants': ({ file }) => ['GET', `/v1/files/${file}/grants`],
  'POST /v1/files/{id}/grants': ({ folder, guest }) => [
    'POST',
    `/v1/files/${folder}/grants`,
    { json: { principal: { kind: 'user', id: guest }, role: 'viewer' } },
  ],
  'PATCH /v1/files/{id}/grants/{grantId}': ({ file, grant }) => [
    'PATCH',
    `/v1/files/${file}/grants/${grant}`,
    { json: { role: 'editor' } },
  ],
  'DELETE /v1/files/{id}/grants/{grantId}': ({ file, doomedGrant }) => [
    'DELETE',
    `/v1/files/${file}/grants/${doomedGrant}`,
  ],
  'POST /v1/files/{id}/links': ({ file }) => ['POST', `/v1/files/${file}/links`, { json: { mode: 'view' } }],
  'GET /v1/files/{id}/links': ({ file }) => ['GET', `/v1/files/${file}/links`],
  'PATCH /v1/links/{linkId} (of somebody else)': ({ link }) => [
    'PATCH',
    `/v1/links/${link}`,
    { json: { name: 'changed' } },
  ],
  'DELETE /v1/links/{linkId} (of somebody else)': ({ doomedLink }) => ['DELETE', `/v1/links/${doomedLink}`],
  'GET /v1/drives/{driveId}': ({ driveId }) => ['GET', `/v1/drives/${driveId}`],
  'PATCH /v1/drives/{driveId}': ({ driveId }) => [
    'PATCH',
    `/v1/drives/${driveId}`,
    { json: { trashDays: 7 } },
  ],
  'GET /v1/trash': ({ driveId }) => ['GET', `/v1/trash?driveId=${driveId}`],
  'DELETE /v1/trash': ({ driveId }) => ['DELETE', `/v1/trash?driveId=${driveId}`],
  'POST /v1/webhooks': ({ driveId }) => [
    'POST',
    '/v1/webhooks',
    { json: { driveId, url: 'https://receiver.example/', events: ['content.repaired'] } },
  ],
};

/** Operations of the storage module that are about nobody's files but the caller's own, or for administrators. */
export const OWN: readonly RegExp[] = [
  /^GET \/v1\/(drives|favourites|shared|links|uploads|webhooks|changes|changes\/latest)$/,
  /^DELETE \/v1\/shared\/\{id\}$/,
  / \/v1\/(uploads|tus)\/\{id\}/,
  / \/v1\/webhooks\/\{id\}/,
  / \/v1\/admin\/storage\//,
  / \/v1\/shared-links\//,
  /^OPTIONS \/v1\/tus$/,
];
