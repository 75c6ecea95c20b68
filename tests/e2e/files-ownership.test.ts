import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type CallOptions, createClient, problemOf, refusal, textOf } from './harness/client.ts';
import { getFile, makeFolder, namesIn, upload } from './harness/files.ts';
import { fileSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);

/** Every call that names a file, a folder or a version. */
const CALLS: readonly (readonly [method: string, path: string, options: CallOptions])[] = [
  ['GET', '/v1/files/:id', {}],
  ['HEAD', '/v1/files/:id', {}],
  ['PATCH', '/v1/files/:id', { json: { name: 'mine-now' } }],
  ['PATCH', '/v1/files/:id', { json: { parentId: null } }],
  ['DELETE', '/v1/files/:id', {}],
  ['GET', '/v1/files/:id/content', {}],
  ['HEAD', '/v1/files/:id/content', {}],
  ['PUT', '/v1/files/:id/content', { body: 'overwritten' }],
  ['GET', '/v1/files/:id/versions', {}],
  ['POST', '/v1/files/:id/versions/:version/restore', {}],
  ['GET', '/v1/files/:id/analysis', {}],
  ['GET', '/v1/files?parentId=:folder', {}],
  ['POST', '/v1/files?name=planted.txt&parentId=:folder', { body: 'planted' }],
  ['POST', '/v1/folders', { json: { name: 'planted', parentId: ':folder' } }],
];

describe("another user's file", () => {
  it.each(CALLS)('is not there for %s %s', async (method, path, options) => {
    const [owner, stranger] = [await newAccount(api), await newAccount(api)];
    const folder = await makeFolder(owner.api, 'private');
    const file = await upload(owner.api, 'secret.txt', 'secret', folder.id);
    const none = { file: `file_${'0'.repeat(31)}1`, version: `ver_${'0'.repeat(31)}1` };
    const ask = (ids: Record<string, string>) => {
      const fill = (text: string) =>
        text.replace(/:(id|version|folder)\b/g, (_, name: string) => ids[name] ?? '');
      const json = options.json === undefined ? {} : { json: JSON.parse(fill(JSON.stringify(options.json))) };
      return stranger.api.call(method, fill(path), { ...options, ...json });
    };
    const theirs = await ask({ id: file.id, version: file.version?.id ?? '', folder: folder.id });
    const nothing = await ask({ id: none.file, version: none.version, folder: none.file });
    expect([theirs.status, nothing.status]).toEqual([404, 404]);
    if (method !== 'HEAD')
      expect({ ...problemOf(theirs), requestId: '' }).toEqual({ ...problemOf(nothing), requestId: '' });

    expect(await getFile(owner.api, file.id)).toMatchObject({ name: 'secret.txt', version: file.version });
    expect(await namesIn(owner.api, folder.id)).toEqual(['secret.txt']);
    expect(await namesIn(stranger.api)).toEqual([]);
  });

  it('cannot be reached by moving something of one’s own into the folder', async () => {
    const [owner, stranger] = [await newAccount(api), await newAccount(api)];
    const folder = await makeFolder(owner.api, 'private');
    const own = await upload(stranger.api, 'own.txt', 'x');
    const json = { parentId: folder.id };
    expect(refusal(await stranger.api.call('PATCH', `/v1/files/${own.id}`, { json }))).toBe(
      '404 folder_not_found',
    );
    expect(await namesIn(owner.api, folder.id)).toEqual([]);
  });

  it('does not occupy a name', async () => {
    const [owner, stranger] = [await newAccount(api), await newAccount(api)];
    await upload(owner.api, 'same.txt', 'mine');
    const answer = await stranger.api.call('POST', '/v1/files?name=same.txt', { body: 'mine too' });
    bodyOf(answer, 201, fileSchema);
  });
});

/** Every id that a body or a query of the storage module may carry, besides those in its path. */
const REFERENCES: readonly (readonly [method: string, path: string, options: CallOptions])[] = [
  ['GET', '/v1/files?driveId=:drive', {}],
  ['GET', '/v1/files?driveId=:workspace', {}],
  ['GET', '/v1/files/by-path?path=/secret.txt&driveId=:drive', {}],
  ['GET', '/v1/trash?driveId=:drive', {}],
  ['DELETE', '/v1/trash?driveId=:drive', {}],
  ['GET', '/v1/webhooks?driveId=:drive', {}],
  ['POST', '/v1/files?name=planted&driveId=:drive', { body: 'x' }],
  ['POST', '/v1/files?name=planted&driveId=:workspace', { body: 'x' }],
  ['POST', '/v1/folders', { json: { name: 'planted', driveId: ':drive' } }],
  ['POST', '/v1/folders', { json: { name: 'planted', driveId: ':workspace' } }],
  ['PATCH', '/v1/files/:own', { json: { parentId: ':folder' } }],
  ['PATCH', '/v1/files/:own', { json: { driveId: ':workspace', parentId: null } }],
  ['POST', '/v1/files/:own/copy', { json: { parentId: ':folder' } }],
  ['POST', '/v1/files/:own/copy', { json: { driveId: ':drive' } }],
  ['GET', '/v1/files/:own/versions/:version', {}],
  ['GET', '/v1/files/:own/versions/:version/content', {}],
  ['DELETE', '/v1/files/:own/versions/:version', {}],
  ['POST', '/v1/uploads', { json: { name: 'planted', size: 1, parentId: ':folder' } }],
  ['POST', '/v1/uploads', { json: { name: 'planted', size: 1, driveId: ':drive' } }],
  ['POST', '/v1/uploads', { json: { size: 1, fileId: ':id' } }],
  ['POST', '/v1/webhooks', { json: { driveId: ':drive', url: 'https://receiver.example/' } }],
  [
    'POST',
    '/v1/files/:own/grants',
    { json: { principal: { kind: 'workspace', id: ':workspace' }, role: 'viewer' } },
  ],
  ['POST', '/v1/files/:own/grants', { json: { principal: { kind: 'group', id: ':group' }, role: 'viewer' } }],
];

describe('an id of another user in a body or a query', () => {
  it.each(REFERENCES)('is as if it did not exist: %s %s', async (method, path, options) => {
    const [owner, stranger] = [await newAccount(api), await newAccount(api)];
    const idOf = async (at: string, json: object) =>
      String(JSON.parse(textOf(await owner.api.call('POST', at, { json }))).id);
    const folder = await makeFolder(owner.api, 'private');
    const file = await upload(owner.api, 'secret.txt', 'secret', folder.id);
    const workspace = await idOf('/v1/workspaces', { name: 'Theirs' });
    const ids = {
      drive: owner.tokens.user.id,
      workspace,
      group: await idOf(`/v1/workspaces/${workspace}/groups`, { name: 'Theirs' }),
      folder: folder.id,
      id: file.id,
      version: file.version?.id ?? '',
    };
    const none = Object.fromEntries(
      Object.entries(ids).map(([name, id]) => [name, `${id.slice(0, id.indexOf('_'))}_${'0'.repeat(31)}1`]),
    );
    const ask = async (given: Record<string, string>) => {
      const own = (await upload(stranger.api, `own ${crypto.randomUUID()}`, 'own')).id;
      const fill = (text: string) =>
        text.replace(
          /:(own|id|version|folder|drive|workspace|group)\b/g,
          (_, name: string) => ({ ...given, own })[name] ?? '',
        );
      const json = options.json === undefined ? {} : { json: JSON.parse(fill(JSON.stringify(options.json))) };
      const answer = await stranger.api.call(method, fill(path), { ...options, ...json });
      return answer.status < 400 ? textOf(answer) : { ...problemOf(answer), requestId: '', instance: '' };
    };
    expect(await ask(ids)).toEqual(await ask(none));
    expect(await namesIn(owner.api)).toEqual(['private']);
    expect(await namesIn(owner.api, folder.id)).toEqual(['secret.txt']);
  });
});

it('whoever knows an id does not learn whose it is by asking what they may do with a file', async () => {
  const [asker, somebody] = [await newAccount(api), await newAccount(api)];
  const { id } = await upload(asker.api, 'mine.txt', 'mine');
  const answer = await asker.api.call('GET', `/v1/files/${id}/access?userId=${somebody.tokens.user.id}`);
  expect(textOf(answer)).not.toContain(somebody.email);
  expect(JSON.parse(textOf(answer)).items).toMatchObject([{ role: 'none', rule: null }]);
});
