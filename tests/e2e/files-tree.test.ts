import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, faultyFields, refusal } from './harness/client.ts';
import { getFile, list, makeFolder, namesIn, post, upload } from './harness/files.ts';
import { fileSchema, searchResultSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);
const patch = (mine: Client, id: string, json: unknown) => mine.call('PATCH', `/v1/files/${id}`, { json });

describe('listing', () => {
  it('walks a folder in pages, complete and without duplicates', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    const names = Array.from({ length: 13 }, (_, at) => `file-${at}`);
    for (const name of names) await upload(mine, name, name, folder.id);
    await upload(mine, 'elsewhere', 'x');
    const pages: string[][] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(mine, {
        parentId: folder.id,
        limit: '4',
        ...(cursor ? { cursor } : {}),
      });
      pages.push(page.items.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(pages.map(({ length }) => length)).toEqual([4, 4, 4, 1]);
    expect(pages.flat()).toEqual(names);
  });

  it('ends without a cursor when the last page is full', async () => {
    const { api: mine } = await newAccount(api);
    await Promise.all(['a', 'b'].map((name) => upload(mine, name, name)));
    expect((await list(mine, { limit: '2' })).nextCursor).toBeNull();
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=many', 'limit'],
    ['limit=1.5', 'limit'],
    ['cursor=7', 'cursor'],
  ])('refuses %s and names the field', async (query, field) => {
    const { api: mine } = await newAccount(api);
    const answer = await mine.call('GET', `/v1/files?${query}`);
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', [field]]);
  });

  it('of what is no folder answers 404', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a', 'a');
    for (const id of [file.id, `file_${'0'.repeat(32)}`])
      expect(refusal(await mine.call('GET', `/v1/files?parentId=${id}`))).toBe('404 folder_not_found');
  });
});

describe('renaming and moving', () => {
  it('change the name and the path, not the content', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    const file = await upload(mine, 'old.txt', 'x');
    const moved = bodyOf(
      await patch(mine, file.id, { name: 'new.txt', parentId: folder.id }),
      200,
      fileSchema,
    );
    expect(moved).toMatchObject({ name: 'new.txt', path: '/folder/new.txt', parentId: folder.id });
    expect([moved.version, moved.sha256]).toEqual([file.version, file.sha256]);
    expect(await namesIn(mine)).toEqual(['folder']);
    const back = bodyOf(await patch(mine, file.id, { parentId: null }), 200, fileSchema);
    expect(back.path).toBe('/new.txt');
  });

  it('of a folder take along what is in it', async () => {
    const { api: mine } = await newAccount(api);
    const [a, b] = [await makeFolder(mine, 'a'), await makeFolder(mine, 'b')];
    const file = await upload(mine, 'deep.txt', 'x', a.id);
    bodyOf(await patch(mine, a.id, { parentId: b.id, name: 'c' }), 200, fileSchema);
    expect((await getFile(mine, file.id)).path).toBe('/b/c/deep.txt');
  });

  it('of a folder into itself or below itself is refused', async () => {
    const { api: mine } = await newAccount(api);
    const top = await makeFolder(mine, 'top');
    const middle = await makeFolder(mine, 'middle', top.id);
    const bottom = await makeFolder(mine, 'bottom', middle.id);
    for (const target of [top, middle, bottom])
      expect(refusal(await patch(mine, top.id, { parentId: target.id }))).toBe('409 folder_cycle');
    expect((await getFile(mine, bottom.id)).path).toBe('/top/middle/bottom');
  });

  it('that would make a cycle together do not both succeed', async () => {
    const { api: mine } = await newAccount(api);
    const [a, b] = [await makeFolder(mine, 'a'), await makeFolder(mine, 'b')];
    const answers = await Promise.all([
      patch(mine, a.id, { parentId: b.id }),
      patch(mine, b.id, { parentId: a.id }),
    ]);
    expect(answers.map(refusal).toSorted()).toEqual(['200', '409 folder_cycle']);
  });

  it('into something that is no folder is refused', async () => {
    const { api: mine } = await newAccount(api);
    const [file, other] = [await upload(mine, 'a', 'a'), await upload(mine, 'b', 'b')];
    for (const parentId of [other.id, `file_${'0'.repeat(32)}`])
      expect(refusal(await patch(mine, file.id, { parentId }))).toBe('404 folder_not_found');
  });

  it('onto a name that is taken is refused', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    await upload(mine, 'a.txt', '1', folder.id);
    const file = await upload(mine, 'a.txt', '2');
    expect(refusal(await patch(mine, file.id, { parentId: folder.id }))).toBe('409 name_conflict');
    expect((await getFile(mine, file.id)).path).toBe('/a.txt');
  });

  it('need something to change, and nothing else', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'x');
    expect(refusal(await patch(mine, file.id, {}))).toBe('400 invalid_request');
    const answer = await patch(mine, file.id, { name: 'b.txt', ownerId: 'me' });
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', ['ownerId']]);
    expect((await getFile(mine, file.id)).name).toBe('a.txt');
  });
});

describe('the trash', () => {
  it('hides a folder and all below it, everywhere and at once', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    const inner = await makeFolder(mine, 'inner', folder.id);
    const file = await upload(mine, 'deep.txt', 'a rare word: zanzibarium', inner.id);
    expect((await mine.call('DELETE', `/v1/files/${folder.id}`)).status).toBe(204);

    expect(await namesIn(mine)).toEqual([]);
    for (const { id } of [folder, inner, file]) {
      const path = `/v1/files/${id}`;
      expect(refusal(await mine.call('GET', path))).toBe('404 file_not_found');
      expect(refusal(await mine.call('GET', `${path}/content`))).toBe('404 file_not_found');
      expect(refusal(await mine.call('GET', `${path}/versions`))).toBe('404 file_not_found');
      expect(refusal(await mine.call('GET', `${path}/analysis`))).toBe('404 file_not_found');
      expect(refusal(await patch(mine, id, { name: 'back' }))).toBe('404 file_not_found');
      expect(refusal(await mine.call('PUT', `${path}/content`, { body: 'x' }))).toBe('404 file_not_found');
      expect(refusal(await mine.call('DELETE', path))).toBe('404 file_not_found');
    }
    expect(refusal(await mine.call('GET', `/v1/files?parentId=${inner.id}`))).toBe('404 folder_not_found');
    expect(refusal(await post(mine, 'new', 'x', { parentId: inner.id }))).toBe('404 folder_not_found');
    const found = await mine.call('GET', '/v1/search?q=zanzibarium&mode=keyword');
    expect(bodyOf(found, 200, searchResultSchema)).toMatchObject({
      items: [],
      coverage: { indexed: 0, pending: 0, failed: 0, skipped: 0 },
    });
  });

  it('frees the name', async () => {
    const { api: mine } = await newAccount(api);
    const first = await upload(mine, 'a.txt', '1');
    await mine.call('DELETE', `/v1/files/${first.id}`);
    const second = await upload(mine, 'a.txt', '2');
    expect(second.id).not.toBe(first.id);
  });

  it('leaves nothing behind that was uploaded into the folder meanwhile', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    const [, ...uploads] = await Promise.all([
      mine.call('DELETE', `/v1/files/${folder.id}`),
      ...Array.from({ length: 5 }, (_, at) => post(mine, `${at}.txt`, 'x', { parentId: folder.id })),
    ]);
    for (const answer of uploads) {
      if (answer.status !== 201) expect(refusal(answer)).toBe('404 folder_not_found');
      else
        expect(refusal(await mine.call('GET', answer.headers.get('location') ?? ''))).toBe(
          '404 file_not_found',
        );
    }
    expect(await namesIn(mine)).toEqual([]);
  });
});
