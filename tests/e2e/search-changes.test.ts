import { describe, expect, inject, it } from 'vitest';
import { makePdf } from '../../src/sidecar/testing/documents.ts';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, refusal } from './harness/client.ts';
import { analysed, analysisOf, download, getFile, makeFolder, sha256, upload } from './harness/files.ts';
import { namesFound, search } from './harness/search.ts';
import { until } from './harness/until.ts';
import { fileSchema } from './harness/wire.ts';

const { url, hasModel } = inject('installation');
const api = createClient(url);

describe.runIf(hasModel)('search follows', () => {
  it('a deletion at once', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'The lighthouse keeper polishes the fresnel lens.');
    await analysed(mine, file.id);
    expect(namesFound(await search(mine, 'fresnel'))).toEqual(['a.txt']);
    await mine.call('DELETE', `/v1/files/${file.id}`);
    for (const mode of ['hybrid', 'keyword', 'semantic'])
      expect(await search(mine, 'fresnel', { mode })).toMatchObject({ items: [], coverage: { indexed: 0 } });
    expect(refusal(await mine.call('GET', `/v1/files/${file.id}/analysis`))).toBe('404 file_not_found');
  });

  it('a new version: the old content is gone at once, the new is found when it was read', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'The first draft speaks of marmalade.');
    await analysed(mine, file.id);
    const put = await mine.call('PUT', `/v1/files/${file.id}/content`, {
      body: 'The second draft speaks of gunpowder.',
    });
    bodyOf(put, 200, fileSchema);
    expect(namesFound(await search(mine, 'marmalade', { mode: 'keyword' }))).toEqual([]);
    expect((await analysed(mine, file.id)).status).toBe('ready');
    expect(namesFound(await search(mine, 'marmalade', { mode: 'keyword' }))).toEqual([]);
    const { items } = await search(mine, 'gunpowder', { mode: 'keyword' });
    expect(items[0]?.file.version?.number).toBe(2);
  });

  it('a restored version: its content is found again', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'The first draft speaks of marmalade.');
    await analysed(mine, file.id);
    await mine.call('PUT', `/v1/files/${file.id}/content`, { body: 'The second draft speaks of gunpowder.' });
    await mine.call('POST', `/v1/files/${file.id}/versions/${file.version?.id}/restore`);
    await analysed(mine, file.id);
    expect(namesFound(await search(mine, 'marmalade', { mode: 'keyword' }))).toEqual(['a.txt']);
    expect(namesFound(await search(mine, 'gunpowder', { mode: 'keyword' }))).toEqual([]);
  });

  it('a renaming and a moving', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    const file = await upload(mine, 'a.txt', 'A note about periwinkles.');
    await analysed(mine, file.id);
    await mine.call('PATCH', `/v1/files/${file.id}`, { json: { name: 'b.txt', parentId: folder.id } });
    const { items } = await search(mine, 'periwinkles');
    expect(items.map(({ file }) => file.path)).toEqual(['/folder/b.txt']);
  });

  it('a burst of 20 uploads to the end', async () => {
    const { api: mine } = await newAccount(api);
    const files = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        upload(mine, `note-${at}.txt`, `Note ${at} is about subject${at}.`),
      ),
    );
    const { coverage } = await until(
      () => search(mine, 'note', { mode: 'keyword' }),
      ({ coverage }) => coverage.indexed === files.length,
      { withinMs: 60_000, everyMs: 250, what: 'all of 20 files to be searchable' },
    );
    expect(coverage).toEqual({ indexed: 20, pending: 0, failed: 0, skipped: 0, reasons: [] });
    expect(namesFound(await search(mine, 'subject13', { mode: 'keyword' }))).toEqual(['note-13.txt']);
  });

  it('a long document to its last page', async () => {
    const { api: mine } = await newAccount(api);
    const pages = Array.from({ length: 40 }, (_, at) => [
      `Page ${at + 1}.`,
      ...Array.from(
        { length: 10 },
        (_, line) => `The ledger of the year ${1900 + at} lists cargo number ${line}.`,
      ),
    ]);
    pages.at(-1)?.push('The final entry names the schooner Hesperides.');
    const file = await upload(mine, 'ledger.pdf', new Uint8Array(makePdf({ pages })));
    expect(await analysed(mine, file.id, 60_000)).toMatchObject({ status: 'ready', metadata: { pages: 40 } });
    const { items } = await search(mine, 'Hesperides', { mode: 'keyword' });
    expect(items[0]?.snippet).toContain('Hesperides');
    expect(items[0]?.passage?.page).toBeGreaterThan(35);
  });
});

const utf8 = (text: string) => new TextEncoder().encode(text);

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('a file that cannot be read', () => {
  it.each([
    [
      'noise',
      'noise.bin',
      Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7919) % 256),
      ['skipped'],
      'unsupported',
    ],
    ['an empty file', 'empty.txt', new Uint8Array(), ['skipped'], 'empty'],
    ['blanks', 'blank.txt', utf8('  \n\n\t  '), ['skipped'], 'no_text'],
    [
      'an encrypted PDF',
      'locked.pdf',
      new Uint8Array(makePdf({ pages: [['secret']], encrypted: true })),
      ['failed', 'skipped'],
      'encrypted',
    ],
    [
      'half a PDF',
      'half.pdf',
      new Uint8Array(makePdf({ pages: [['text']] })).slice(0, 120),
      ['failed', 'skipped'],
      'damaged',
    ],
    [
      'a ZIP that is no document',
      'fake.docx',
      utf8('PK\u0003\u0004 and nothing of use'),
      ['failed', 'skipped'],
      'damaged',
    ],
  ] as const)('says why, and is kept all the same: %s', async (_, name, content, outcomes, code) => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, name, content);
    const { status, reason } = await analysed(mine, file.id);
    expect(outcomes).toContain(status);
    expect(reason).toMatch(/^\S.{10,}\.$/);
    expect((await getFile(mine, file.id)).analysis).toEqual({ status, reason });
    expect(sha256(new Uint8Array(await download(mine, file.id)))).toBe(sha256(content));
    const { coverage } = await search(mine, 'secret text', { mode: 'keyword' });
    expect(coverage).toEqual({
      ...{ indexed: 0, pending: 0, failed: 0, skipped: 0, [status]: 1 },
      reasons: [{ reason: code, count: 1 }],
    });
  });

  it('is an image: it is ready with what is known of the picture', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'image.png', new Uint8Array(PNG));
    expect(await analysed(mine, file.id)).toMatchObject({
      status: 'ready',
      contentType: 'image/png',
      metadata: { image: { width: 1, height: 1 } },
    });
    expect(refusal(await mine.call('GET', `/v1/files/${file.id}/text`))).toMatch(/^(200|409 text_not_read)$/);
  });

  it('is a folder: it has no analysis', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    expect(refusal(await mine.call('GET', `/v1/files/${folder.id}/analysis`))).toBe('409 not_a_file');
    expect(folder.analysis).toBeNull();
  });

  it('has a made-up extension: the content decides', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'really-a-note.png', 'This is plain text about hedgehogs.');
    await analysed(mine, file.id);
    if (hasModel) expect((await analysisOf(mine, file.id)).status).toBe('ready');
  });
});
