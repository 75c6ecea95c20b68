import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type CallOptions, createClient, problemOf, refusal } from './harness/client.ts';
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
