import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import { strToU8, unzipSync, type Zippable } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readingLimits } from '../limits.ts';
import {
  lieAboutSizes,
  makeCompoundFile,
  makeGzipOfZeros,
  makeTar,
  makeTarOfLinks,
  makeZip,
  makeZipOfLink,
  makeZipOfMany,
  nestZips,
  overlapEntries,
} from '../testing/archives.ts';
import { makeDocx, makePdf } from '../testing/documents.ts';
import { makeEmail, nestMail } from '../testing/mail.ts';
import { makeEpub, makeOdt, makePptx, makeXlsx } from '../testing/office-documents.ts';
import { measureRead, readContent, readText } from '../testing/reading.ts';
import { cutWorkbook } from './formats/cut-workbook.ts';

const makers: readonly (readonly [string, (extra?: Zippable) => Uint8Array])[] = [
  ['docx', (extra) => makeDocx(['x'], extra)],
  ['xlsx', (extra) => makeXlsx([{ name: 'S', rows: [['x']] }], extra)],
  ['pptx', (extra) => makePptx([{ lines: ['x'] }], extra)],
  ['odt', (extra) => makeOdt(['x'], extra)],
  ['epub', (extra) => makeEpub(['<p>x</p>'], extra)],
];
const mainParts: Readonly<Record<string, string>> = {
  docx: 'word/document.xml',
  xlsx: 'xl/worksheets/sheet1.xml',
  pptx: 'ppt/slides/slide1.xml',
  odt: 'content.xml',
  epub: 'OEBPS/c0.xhtml',
};
const archiveLimit = { status: 'failed', reason: expect.stringContaining('archive_limit') };

describe('archives that would unpack to too much', () => {
  const zeros = new Uint8Array(60_000_000);
  const hostile: [string, () => Uint8Array | Promise<Uint8Array>][] = [
    ...makers.map(([kind, make]): [string, () => Uint8Array] => [
      `a bomb in ${kind}`,
      () => make({ 'bomb.xml': zeros }),
    ]),
    ['a docx of overlapping entries', () => overlapEntries(makeDocx(['x']))],
    [
      'a zip of overlapping entries',
      () => overlapEntries(makeZip({ a: zeros.subarray(0, 9_000), b: zeros.subarray(0, 9_000) })),
    ],
    ['a zip of zeros', () => makeZip({ zeros })],
    ['zips in zips, as 42.zip has them', () => nestZips(6, 4, { 'page.bin': zeros.subarray(0, 4_000_000) })],
    ['zips of zeros in one zip', () => nestZips(2, 16, { zeros })],
    ['gzip of 10 GB of zeros', () => makeGzipOfZeros(10)],
    ['a compressed tar of zeros', async () => gzipSync(await makeTar({ zeros: '\0'.repeat(60_000_000) }))],
    ['a million entries', () => makeZipOfMany(1_000_000)],
  ];

  it.each(hostile)('refuses %s within two seconds and 100 MB', { timeout: 60_000 }, async (_, make) => {
    const { answer, cpuSeconds, grownMegabytes } = await measureRead(await make(), 'object');
    expect(answer).toMatchObject(archiveLimit);
    expect(cpuSeconds).toBeLessThan(2);
    expect(grownMegabytes).toBeLessThan(100);
  });

  it('does not believe what a directory says of sizes', async () => {
    const answer = await readContent(
      lieAboutSizes(makeOdt(['x'], { 'styles.xml': zeros.subarray(0, 9_000_000) })),
    );
    expect(answer).toMatchObject({ status: 'failed', reason: expect.stringContaining('larger inside') });
  });

  it('refuses archives in archives that go on and on, however little is in them', async () => {
    expect(await readContent(nestZips(5, 1, { a: strToU8('x') }))).toMatchObject(archiveLimit);
    expect((await readContent(nestZips(4, 1, { a: strToU8('x') }))).status).toBe('read');
  });

  it('follows no link of an archive: they are names like others', async () => {
    for (const archive of [await makeTarOfLinks(), gzipSync(await makeTarOfLinks())]) {
      expect((await readText(archive, 'a.tar')).text).toBe('link\nup\nhard\nup/passwd');
    }
    for (const target of ['/etc/passwd', '../../../../etc/passwd']) {
      const answer = await readText(makeZipOfLink(target), 'a.zip');
      expect(answer.text).toBe('link');
    }
    const office = unzipSync(makeDocx(['x']));
    const linked = makeZip({
      ...office,
      'word/document.xml': [strToU8('/etc/passwd'), { os: 3, attrs: (0o120777 << 16) >>> 0 }],
    });
    expect(JSON.stringify(await readContent(linked))).not.toContain('root:');
  });

  it('lists an archive in an archive that is harmless, or merely broken', async () => {
    const zip = makeZip({ 'inner.zip': makeZip({ a: strToU8('x') }), 'broken.zip': strToU8('PK no zip') });
    expect((await readText(zip)).metadata.entries).toBe(2);
  });
});

describe('XML that asks for more', () => {
  let server: Server;
  let hits = 0;
  let url = '';
  beforeAll(async () => {
    server = createServer((_, response) => {
      hits++;
      response.end('stolen');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/x`;
  });
  afterAll(() => server.close());

  const withDoctype = (original: Uint8Array, doctype: string) => {
    const xml = new TextDecoder().decode(original);
    const end = xml.indexOf('?>') + 2;
    return strToU8(`${xml.slice(0, end)}${doctype}${xml.slice(end).replace('>x<', '>&e;%p;&e;<')}`);
  };

  it.each([...makers.map(([kind]) => kind), 'svg', 'xml', 'html'])(
    'fetches and opens nothing that %s points at',
    async (kind) => {
      const doctype = `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd"><!ENTITY % p SYSTEM "${url}"><!ENTITY f SYSTEM "${url}"> %p;]>`;
      const make = makers.find(([name]) => name === kind)?.[1];
      const content =
        make === undefined
          ? `<?xml version="1.0"?>${doctype}<?xml-stylesheet href="${url}"?><${kind}><image href="${url}"/><img src="${url}"/><p>&e;&f;</p></${kind}>`
          : make(changedPart(make(), mainParts[kind] ?? '', (part) => withDoctype(part, doctype)));
      expect(JSON.stringify(await readContent(content))).not.toMatch(/root:|stolen/);
      expect(hits).toBe(0);
    },
  );

  it.each(['docx', 'xlsx', 'odt'])('expands no entities of %s into each other', async (kind) => {
    const lol = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
    const doctype = `<!DOCTYPE a [<!ENTITY l0 "lol">${lol}<!ENTITY e "&l9;"><!ENTITY p "">]>`;
    const make = makers.find(([name]) => name === kind)?.[1] ?? makeDocx.bind(undefined, []);
    const content = make(changedPart(make(), mainParts[kind] ?? '', (part) => withDoctype(part, doctype)));
    expect(JSON.stringify(await readContent(content))).not.toContain('lollollol');
  });

  it.each([...makers.map(([kind]) => kind)])(
    'survives %s with 100,000 levels',
    { timeout: 30_000 },
    async (kind) => {
      const make = makers.find(([name]) => name === kind)?.[1];
      const deep = `<?xml version="1.0"?>${'<a>'.repeat(100_000)}x${'</a>'.repeat(100_000)}`;
      const answer = await readContent(make?.({ [mainParts[kind] ?? '']: strToU8(deep) }) ?? '');
      expect(['failed', 'skipped', 'read']).toContain(answer.status);
    },
  );

  it('reads XML and HTML with 100,000 levels', async () => {
    const deep = `${'<a>'.repeat(100_000)}the innermost text${'</a>'.repeat(100_000)}`;
    expect((await readText(`<?xml version="1.0"?>${deep}`)).text).toBe('the innermost text');
    expect(['read', 'skipped']).toContain((await readContent(`<html><body>${deep}`)).status);
  });
});

describe('documents that cannot be read', () => {
  it.each([
    [
      'an encrypted Office document',
      makeCompoundFile(['EncryptionInfo', 'EncryptedPackage']),
      'failed',
      'encrypted',
    ],
    ['an old Word document', makeCompoundFile(['WordDocument', '1Table']), 'skipped', 'Word (.doc)'],
    ['an old Excel workbook', makeCompoundFile(['Workbook']), 'skipped', 'Excel (.xls)'],
    ['an old presentation', makeCompoundFile(['PowerPoint Document']), 'skipped', 'PowerPoint (.ppt)'],
    [
      'an encrypted OpenDocument',
      makeOdt(['x'], {
        'META-INF/manifest.xml': strToU8(
          '<manifest:manifest><manifest:encryption-data/></manifest:manifest>',
        ),
      }),
      'failed',
      'encrypted',
    ],
    ['an encrypted PDF', makePdf({ pages: [['x']], encrypted: true }), 'failed', 'encrypted'],
    ['a workbook without a cell', makeXlsx([{ name: 'S', rows: [] }]), 'skipped', 'no text'],
    [
      'a workbook that is cut off',
      makeXlsx([{ name: 'S', rows: [['x']] }]).subarray(0, 700),
      'failed',
      'damaged',
    ],
    [
      'a workbook with a broken sheet',
      makeXlsx([{ name: 'S', rows: [['x']] }], { 'xl/workbook.xml': strToU8('<workbook') }),
      'failed',
      'damaged',
    ],
    [
      'a Linux program',
      Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(200)]),
      'skipped',
      'program',
    ],
    ['a Windows program', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200, 1)]), 'skipped', 'program'],
    [
      'a macOS program',
      Buffer.concat([Buffer.from('cffaedfe07000001', 'hex'), Buffer.alloc(200)]),
      'skipped',
      'program',
    ],
    ['an empty file', '', 'skipped', 'empty'],
  ])('says why nothing is read of %s', async (_, content, status, reason) => {
    expect(await readContent(content, 'report.pdf')).toMatchObject({
      status,
      reason: expect.stringContaining(reason),
    });
  });

  it.each(['The freezer is full.', 'MZ is a name.', 'BM, my friend, came.', 'GIF89a is a format.'])(
    'takes the text "%s" for text, though it begins like something else',
    async (text) => {
      expect(await readText(text, 'a.txt')).toMatchObject({ contentType: 'text/plain', text });
    },
  );

  it('takes a file that is of several formats for what it begins with', async () => {
    const zip = makeZip({ 'inside.txt': strToU8('x') });
    const polyglot = Buffer.concat([makePdf({ pages: [['The visible page of it']] }), zip]);
    expect(await readText(polyglot, 'a.zip')).toMatchObject({
      contentType: 'application/pdf',
      text: 'The visible page of it',
    });
    const page = Buffer.concat([Buffer.from('<html><body>Shown</body></html>'), zip]);
    expect((await readContent(page, 'a.html')).status).toBe('skipped');
  });
});

describe('e-mail and rich text without end', () => {
  it('reads an e-mail of 10,000 parts', async () => {
    const attachments = Array.from({ length: 10_000 }, (_, i) => `a${i}.txt`);
    const { metadata } = await readText(makeEmail({ text: 'hello', attachments }));
    expect(metadata.email?.attachments).toHaveLength(1_000);
  });

  it('says that parts are nested too deep', async () => {
    expect(await readContent(nestMail(1_000))).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('deeper than is allowed'),
    });
  });

  it('says that groups of rich text are nested too deep', async () => {
    const rtf = `{\\rtf1 ${'{'.repeat(100_000)}x${'}'.repeat(100_000)}}`;
    expect(await readContent(rtf)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('damaged'),
    });
  });
});

describe('text that would take a careless pattern for ever', () => {
  const n = 1_000_000;
  it.each([
    ['json', `["${'\\"'.repeat(n)}`, 'a.json'],
    ['quotes in json', '["'.repeat(n), 'a.json'],
    ['declarations', `<?xml version="1.0"?>${'<!DOCTYPE'.repeat(n)}`, 'a.xml'],
    ['titles', `<html><head>${'<title'.repeat(n)}`, 'a.html'],
    ['titles in xml', `<?xml version="1.0"?>${'<title'.repeat(n)}`, 'a.xml'],
    ['meta', `<html><head>${'<meta '.repeat(n)}`, 'a.html'],
    ['spaces', `<?xml version="1.0"?><a>${'\u00a0\f'.repeat(n)}</a>`, 'a.xml'],
    ['comments', `<?xml version="1.0"?>${'<!--'.repeat(n)}`, 'a.xml'],
    ['quotes in a table', '"",""a,"'.repeat(n), 'a.csv'],
    ['headings', `${'# '.repeat(n)}`, 'a.md'],
    ['rich text', `{\\rtf1 ${"\\'e".repeat(n / 4)}}`, 'a.rtf'],
    ['groups of rich text', `{\\rtf1 ${'{\\b x}'.repeat(n / 8)}}`, 'a.rtf'],
    ['fields of a message', `From: a@b.example\nSubject: x\n${'X-A: b\n '.repeat(n / 8)}\n\nhello`, 'a.eml'],
    ['words of a subject', `From: a@b.example\nSubject: ${'=?utf-8?q?'.repeat(n / 10)}\n\nhello`, 'a.eml'],
    ['addresses', `To: ${'<a@'.repeat(n / 8)}\nFrom: ${'"a" <'.repeat(n / 8)}\nSubject: x\n\nhello`, 'a.eml'],
    ['declared character sets', `<html><head>${'<meta charset '.repeat(n / 8)}`, 'a.html'],
    ['empty lines', '\n \n\t'.repeat(n / 4), 'a.txt'],
    ['sentences', 'A. b! C? '.repeat(n / 8), 'a.txt'],
  ])('reads a megabyte of %s in a few seconds', { timeout: 60_000 }, async (_, content, name) => {
    const start = process.cpuUsage();
    expect(['read', 'skipped']).toContain((await readContent(content, name)).status);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(8);
  });
});

describe('what is long', () => {
  const cut = 'Only the first 5,000,000 characters were read.';

  it('reads the beginning of 100 MB of JSON on one line', { timeout: 60_000 }, async () => {
    const json = Buffer.from(`[${'{"name":"Bolt","price":1.25},'.repeat(3_600_000)}{}]`);
    const { metadata, truncated } = await readText(json, 'a.json');
    expect(metadata.characters).toBe(readingLimits.characters);
    expect(truncated).toBe(cut);
  });

  it('reads the beginning of a table of a million rows', { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 1_000_000 }, (_, i) => `Bolt ${i},${i}\n`);
    expect(await readText(`part,price\n${rows.join('')}`, 'a.csv')).toMatchObject({ truncated: cut });
  });

  it('reads the beginning of a text of 250 MB without having it in memory', { timeout: 60_000 }, async () => {
    const text = Buffer.alloc(readingLimits.fileBytes, 'The freezer is full of samples.\n');
    const { answer, grownMegabytes } = await measureRead(text, 'a.txt');
    expect({ ...answer, chunks: [] }).toMatchObject({
      status: 'read',
      contentType: 'text/plain',
      truncated: cut,
    });
    expect(grownMegabytes).toBeLessThan(250);
  });

  it('reads the first rows of a workbook that is too large for a tree of it', () => {
    const row = '<row><c t="inlineStr"><is><t>Bolt</t></is></c></row>';
    const sheet = strToU8(
      `<worksheet><sheetData>${row.repeat(900_000)}</sheetData><pageMargins/></worksheet>`,
    );
    const last = strToU8(`<worksheet><sheetData>${row.repeat(3)}</sheetData></worksheet>`);
    const names = ['xl/worksheets/sheet2.xml', 'xl/worksheets/sheet10.xml', 'xl/other.xml'];
    const { parts, isCut } = cutWorkbook(new Map(names.map((name, i) => [name, i === 0 ? sheet : last])));
    const [first, second, other] = names.map((name) => new TextDecoder().decode(parts.get(name)));
    expect(isCut).toBe(true);
    expect(first?.length).toBeLessThan(25_200_000);
    expect(first?.endsWith(`${row}</sheetData></worksheet>`)).toBe(true);
    expect(second).toBe(`<worksheet><sheetData>${row}</sheetData></worksheet>`);
    expect(other).toBe(new TextDecoder().decode(last));
  });

  it('reads a 10,000-page PDF as far as is allowed, and says so', { timeout: 60_000 }, async () => {
    const pages = Array.from({ length: 10_000 }, (_, i) => [`Page number ${i + 1} of the catalogue`]);
    const { chunks, truncated } = await readText(makePdf({ pages }));
    expect(truncated).toBe('Only the first 5,000 of 10,000 pages were read.');
    // A passage is of several pages, and has the number of its first.
    expect(chunks.at(-1)?.page).toSatisfy((page: number) => page > 4_900 && page <= 5_000);
  });

  it('reads a 500-page PDF whole', { timeout: 60_000 }, async () => {
    const line = 'The laboratory keeps its samples in a freezer, and every sample carries a label.';
    const pages = Array.from({ length: 500 }, (_, i) => [`Page number ${i + 1}`, ...Array(40).fill(line)]);
    const { metadata, chunks, truncated } = await readText(makePdf({ pages }));
    expect(metadata.pages).toBe(500);
    expect(chunks.at(-1)?.page).toBe(500);
    expect(truncated).toBeUndefined();
  });
});

function changedPart(zip: Uint8Array, name: string, change: (part: Uint8Array) => Uint8Array) {
  const part = unzipSync(zip)[name];
  if (part === undefined) throw new Error(`there is no ${name}`);
  return { [name]: change(part) };
}
