import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { strToU8 } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readingLimits } from '../limits.ts';
import { makeDocx, makePdf } from '../testing/documents.ts';
import { readDocument } from './read-document.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-read-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(content: string | Uint8Array, name = 'document', limits = readingLimits) {
  const path = join(folder, 'object');
  await writeFile(path, content);
  return readDocument(path, name, limits);
}

async function readText(content: string | Uint8Array, name?: string) {
  const response = await read(content, name);
  if (response.status !== 'read') throw new Error(`${response.status}: ${response.reason}`);
  return { ...response, text: response.chunks.map(({ text }) => text).join('\n') };
}

const english =
  'The laboratory keeps its samples in a freezer, and every sample carries a label with a date. ';

describe('text files', () => {
  it('keeps UTF-8 text and recognises its language', async () => {
    const answer = await readText(english.repeat(3), 'notes.txt');
    expect(answer.contentType).toBe('text/plain');
    expect(answer.language).toBe('en');
    expect(answer.metadata).toMatchObject({ characters: english.length * 3, words: 51 });
  });

  it('recognises German', async () => {
    const text = 'Die Prüfung der Unterlagen dauert mindestens zwei Wochen, weil jede Seite gelesen wird.';
    expect((await readText(text)).language).toBe('de');
  });

  it('does not guess the language of a few characters', async () => {
    expect((await readText('ok 12')).language).toBeNull();
  });

  it.each([
    ['UTF-16 little endian', Buffer.from('\uFEFFPrüfbericht über Öl', 'utf16le')],
    ['UTF-16 big endian', Buffer.from('\uFEFFPrüfbericht über Öl', 'utf16le').swap16()],
    ['UTF-8 with a byte order mark', Buffer.from('\uFEFFPrüfbericht über Öl')],
    ['windows-1252', Buffer.from('Prüfbericht über Öl', 'latin1')],
  ])('decodes %s', async (_, bytes) => {
    expect((await readText(bytes, 'a.txt')).text).toBe('Prüfbericht über Öl');
  });

  it('takes the title of Markdown from its first heading', async () => {
    const answer = await readText('# Field notes\n\nIt rained all day.', 'notes.md');
    expect(answer).toMatchObject({ contentType: 'text/markdown', metadata: { title: 'Field notes' } });
  });

  it('keeps source code as it is', async () => {
    const code = 'export function add(a: number, b: number): number {\n  return a + b;\n}';
    expect((await readText(code, 'add.ts')).text).toBe(code);
  });

  it('says what it cut off', async () => {
    const answer = await read(english.repeat(50), 'a.txt', { ...readingLimits, characters: 1_000 });
    expect(answer).toMatchObject({ status: 'read', truncated: 'Only the first 1,000 characters were read.' });
  });

  it('has no NUL and no half surrogate pair in its answer', async () => {
    const { text } = await readText(Buffer.from('\uFEFFa\0b\uD800c', 'utf16le'));
    expect(text).toBe('a b\uFFFDc');
  });
});

describe('structured text', () => {
  it('reads what a web page shows, with its title', async () => {
    const page =
      '<!doctype html><html><head><title>Opening &amp; hours</title><style>p{color:red}</style></head><body><script>steal()</script><h1>Museum</h1><p>Open <a href="http://evil.example">daily</a>.</p></body></html>';
    const { text, contentType, metadata } = await readText(page, 'page.txt');
    expect(contentType).toBe('text/html');
    expect(metadata.title).toBe('Opening & hours');
    expect(text).toContain('Open daily.');
    expect(text).not.toMatch(/steal|color|evil/);
  });

  it('survives a page that is nested a hundred thousand deep', async () => {
    const answer = await read(`<html><body>${'<div>'.repeat(100_000)}deep`, 'deep.html');
    expect(['read', 'skipped', 'failed']).toContain(answer.status);
  });

  it('labels the cells of a table with their column', async () => {
    const { text } = await readText('name,"unit price"\nBolt,"1,20"\n"Nut ""M6""",0.40\n', 'parts.csv');
    expect(text).toContain('name: Bolt; unit price: 1,20');
    expect(text).toContain('name: Nut "M6"');
  });

  it('reads tables with semicolons and tabs', async () => {
    expect((await readText('Ort;Land\nWien;Österreich\n', 'a.csv')).text).toContain(
      'Ort: Wien; Land: Österreich',
    );
    expect((await readText('city\tland\nWien\tAustria\n', 'a.tsv')).text).toContain(
      'city: Wien; land: Austria',
    );
  });

  it('lays out JSON without changing its numbers', async () => {
    const { text, contentType } = await readText('{"id":12345678901234567890,"name":"caf\\u00e9","tags":[]}');
    expect(contentType).toBe('application/json');
    expect(text).toContain('12345678901234567890');
    expect(text).toContain('"name": "café"');
  });

  it('reads JSON that is nested a million deep', async () => {
    expect((await read('['.repeat(1_000_000), 'deep.json')).status).toBe('read');
  });

  it('reads the character data of XML and expands no entity', async () => {
    const xml =
      '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><title>Ship&#39;s log</title>&x;<b>storm</b></a>';
    const { text, metadata } = await readText(xml, 'log.xml');
    expect(metadata.title).toBe("Ship's log");
    expect(text).toContain("Ship's log");
    expect(text).toContain('&x;');
    expect(text).not.toContain('root:');
  });
});

describe('PDF', () => {
  it('reads page by page, with page numbers and properties', async () => {
    const pages = [
      [english, english, 'a hyphen-', 'ated word'],
      [english, 'The invoice is due in March.'],
    ];
    const info = "/Title (Sample care) /Author (M. Curie) /CreationDate (D:20240131120000+02'00')";
    const answer = await readText(makePdf({ pages, info }), 'care.pdf');
    expect(answer.contentType).toBe('application/pdf');
    expect(answer.metadata).toMatchObject({
      title: 'Sample care',
      author: 'M. Curie',
      createdAt: '2024-01-31T10:00:00.000Z',
      pages: 2,
    });
    expect(answer.text).toContain('hyphenated word');
    expect(answer.text).toContain('due in March');
    expect(answer.chunks[0]?.page).toBe(1);
  });

  it('says that an encrypted one needs its password', async () => {
    expect(await read(makePdf({ pages: [['secret']], encrypted: true }))).toEqual({
      status: 'failed',
      contentType: 'application/pdf',
      reason: 'The PDF is encrypted; it needs a password to be read.',
    });
  });

  it('gives a reason for one that is cut off', async () => {
    const answer = await read(makePdf({ pages: [[english]] }).subarray(0, 120));
    expect(answer).toMatchObject({ status: 'failed', reason: expect.stringContaining('damaged') });
  });

  it('goes by content when noise is named .pdf', async () => {
    const noise = Buffer.concat([Buffer.from([0, 1, 2]), randomBytes(5_000)]);
    expect((await read(noise, 'report.pdf')).status).toBe('skipped');
  });

  it('reads no more pages than allowed and says so', async () => {
    const pages = [['one one one'], ['two two two'], ['three three']];
    const answer = await read(makePdf({ pages }), 'a.pdf', { ...readingLimits, pages: 2 });
    expect(answer).toMatchObject({ status: 'read', truncated: 'Only the first 2 of 3 pages were read.' });
  });
});

describe('Word documents', () => {
  it('reads paragraphs and properties', async () => {
    const answer = await readText(makeDocx(['Cold storage', english]), 'a.docx');
    expect(answer.metadata).toMatchObject({
      title: 'Cold Storage & Care',
      author: 'Ada Byron',
      createdAt: '2024-02-03T04:05:06.000Z',
    });
    expect(answer.text).toContain(english.trim());
  });

  it('refuses a zip bomb before unpacking it', async () => {
    const bomb = makeDocx(['x'], { 'word/bomb.xml': new Uint8Array(40_000_000) });
    const answer = await read(bomb);
    expect(answer).toMatchObject({ status: 'failed', reason: expect.stringContaining('zip bomb') });
  });

  it('refuses an archive whose directory lies about its sizes', async () => {
    const answer = await read(
      lieAboutSize(makeDocx(['x'], { 'word/styles.xml': new Uint8Array(30_000_000) })),
    );
    expect(answer).toMatchObject({ status: 'failed', reason: expect.stringContaining('larger inside') });
  });

  it('fails with a reason when the archive is cut off', async () => {
    const docx = makeDocx([english.repeat(20)]);
    const answer = await read(docx.subarray(0, docx.length - 200));
    expect(['failed', 'skipped']).toContain(answer.status);
  });

  it('fetches no external entity', async () => {
    const evil = strToU8(
      '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body></w:document>',
    );
    expect(JSON.stringify(await read(makeDocx([], { 'word/document.xml': evil })))).not.toContain('root:');
  });
});

describe('everything else', () => {
  it('skips an empty file', async () => {
    expect(await read('')).toMatchObject({ status: 'skipped', reason: 'The file is empty.' });
  });

  it('names the type that it cannot read', async () => {
    const icon = Buffer.concat([Buffer.from([0, 0, 1, 0, 1, 0, 16, 16]), Buffer.alloc(500)]);
    expect(await read(icon, 'letter.txt')).toEqual({
      status: 'skipped',
      contentType: 'image/x-icon',
      reason: 'image/x-icon is not a readable document type yet.',
    });
  });

  it('skips a binary that is in no known format', async () => {
    expect(await read(deflateRawSync(randomBytes(3_000)))).toMatchObject({ status: 'skipped' });
  });
});

/** Rewrites each uncompressed size in the directory to 1,000 bytes. */
function lieAboutSize(zip: Uint8Array): Uint8Array {
  const lying = zip.slice();
  const view = new DataView(lying.buffer);
  for (let at = 0; at + 4 < lying.length; at++) {
    if (view.getUint32(at, true) === 0x02014b50)
      view.setUint32(at + 24, Math.min(view.getUint32(at + 24, true), 1_000), true);
  }
  return lying;
}
