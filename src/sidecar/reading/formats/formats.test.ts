import { gzipSync } from 'node:zlib';
import { strToU8 } from 'fflate';
import { describe, expect, it } from 'vitest';
import { makeTar, makeTarGz, makeZip } from '../../testing/archives.ts';
import { makeDocx, makePdf } from '../../testing/documents.ts';
import { makeEmail } from '../../testing/mail.ts';
import {
  makeEpub,
  makeOdt,
  makeOpenDocument,
  makePptx,
  makeXlsx,
  OFFICE_PROPERTIES,
} from '../../testing/office-documents.ts';
import { readContent, readText } from '../../testing/reading.ts';

const english =
  'The laboratory keeps its samples in a freezer, and every sample carries a label with a date.';
const properties = {
  title: 'Plan & budget',
  subject: 'Planning',
  author: 'Ada Byron',
  createdAt: '2031-02-03T04:05:06.000Z',
  modifiedAt: '2031-03-04T05:06:07.000Z',
};

describe('Office documents', () => {
  it('reads a workbook sheet by sheet, each cell with the name of its column', async () => {
    const long = Array.from({ length: 60 }, (_, i) => [`Bolt ${i}`, i]);
    const { text, chunks, metadata, contentType } = await readText(
      makeXlsx([
        { name: 'Parts', rows: [['part', 'price'], ['Nut &amp; co', 1.25], ...long] },
        { name: 'Summary', rows: [['total of all parts', 77]] },
      ]),
    );
    expect(contentType).toBe('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet');
    expect(text).toContain('part: Nut & co; price: 1.25');
    expect(metadata).toMatchObject({
      ...properties,
      sheets: 2,
      keywords: ['plan', 'budget', '2031'],
      application: 'Microsoft Office',
    });
    expect(chunks[0]).toMatchObject({ page: 1, text: expect.stringMatching(/^Parts\n/) });
    expect(text).toContain('Summary\ntotal of all parts; 77');
  });

  it('reads a presentation slide by slide, with what the speaker noted', async () => {
    const { text, chunks, metadata } = await readText(
      makePptx([
        { lines: ['Cold storage', ...Array.from({ length: 12 }, () => english)], notes: 'Speak slowly here' },
        { lines: ['Results', ...Array.from({ length: 12 }, () => english)] },
      ]),
    );
    expect(metadata).toMatchObject({ ...properties, slides: 2 });
    expect(text).toContain('Speak slowly here');
    expect(chunks.at(0)?.page).toBe(1);
    expect(chunks.at(-1)?.page).toBe(2);
  });

  it('reads an OpenDocument text with its notes and properties', async () => {
    const note =
      '<text:p>See<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>the small print</text:p></text:note-body></text:note> here</text:p>';
    const { text, metadata } = await readText(makeOpenDocument('text', `<text:h>Head</text:h>${note}`));
    expect(text).toBe('Head\n\nSee here\n\nthe small print');
    expect(metadata).toMatchObject({
      ...properties,
      keywords: ['plan', 'budget'],
      application: 'LibreOffice/7.4',
    });
  });

  it('reads OpenDocument spreadsheets and presentations', async () => {
    const cell = (value: string) => `<table:table-cell><text:p>${value}</text:p></table:table-cell>`;
    const row = (...values: string[]) => `<table:table-row>${values.map(cell).join('')}</table:table-row>`;
    const sheet = `<table:table table:name="Parts">${row('part', 'price')}${row('Bolt', '1.20')}</table:table>`;
    expect(await readText(makeOpenDocument('spreadsheet', sheet))).toMatchObject({
      text: 'Parts\npart; price\npart: Bolt; price: 1.20',
      metadata: { sheets: 1 },
    });
    const page = (line: string) =>
      `<draw:page><draw:frame><draw:text-box><text:p>${line}</text:p></draw:text-box></draw:frame></draw:page>`;
    expect(await readText(makeOpenDocument('presentation', page('One') + page('Two')))).toMatchObject({
      text: 'One\n\nTwo',
      metadata: { slides: 2 },
    });
  });

  it('reads a book in the order of its spine, without styles and scripts', async () => {
    const { text, metadata } = await readText(
      makeEpub([`<h1>One</h1><p>${english}</p>`, '<h1>Two</h1><p>The <b>end</b>.</p>']),
    );
    expect(text).toBe(`One\n\n${english}\n\nTwo\n\nThe end.`);
    expect(metadata).toMatchObject({ title: 'The Lighthouse', author: 'Ada Byron' });
  });

  it('reads rich text with its characters', async () => {
    const rtf = String.raw`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Stormy caf\'e9 \u8364? day.\par Second line.\par}`;
    const { text, contentType } = await readText(rtf, 'log.doc');
    expect(contentType).toBe('application/rtf');
    expect(text).toBe('Stormy café € day.\n\nSecond line.');
  });

  it('finds the properties of Word documents and of PDF', async () => {
    expect((await readText(makeDocx([english], OFFICE_PROPERTIES))).metadata).toMatchObject(properties);
    const info =
      '/Title (Plan) /Subject (Planning) /Keywords (plan, budget) /Creator (Writer) /ModDate (D:20310304050607Z)';
    expect((await readText(makePdf({ pages: [[english]], info }))).metadata).toMatchObject({
      subject: 'Planning',
      keywords: ['plan', 'budget'],
      application: 'Writer',
      modifiedAt: properties.modifiedAt,
    });
  });

  it('goes by content whatever the name says', async () => {
    const xlsx = makeXlsx([{ name: 'Parts', rows: [['Bolt', 1]] }]);
    for (const name of ['a.docx', 'a.txt', 'a.pdf', 'a'])
      expect((await readText(xlsx, name)).text).toContain('Bolt; 1');
    expect((await readText(makeOdt([english]), 'a.xlsx')).text).toBe(english);
  });
});

describe('e-mail', () => {
  it('reads the text, and says who wrote to whom and what is attached', async () => {
    const { text, metadata, contentType } = await readText(
      makeEmail({ text: english, html: '<p>other</p>', attachments: ['report.pdf'] }),
      'saved.txt',
    );
    expect(contentType).toBe('message/rfc822');
    expect(text).toBe(`Prüfbericht 7\n\n${english}\n\nAttachments:\nreport.pdf`);
    expect(metadata).toMatchObject({
      title: 'Prüfbericht 7',
      author: 'René Descartes <rene@example.org>',
      createdAt: '2031-02-04T08:00:00.000Z',
      email: {
        from: 'René Descartes <rene@example.org>',
        to: ['Ada <ada@example.org>', 'bob@example.org', 'eve@example.org'],
        cc: ['carl@example.org'],
        sentAt: '2031-02-04T08:00:00.000Z',
        attachments: ['report.pdf'],
      },
    });
  });

  it('reads the HTML of one without plain text, and none of its scripts', async () => {
    const { text } = await readText(
      makeEmail({ html: '<style>p{}</style><script>steal()</script><p>Dear <b>Ada</b></p>' }),
    );
    expect(text).toBe('Prüfbericht 7\n\nDear Ada');
  });

  it('does not take a text about e-mail for one', async () => {
    expect((await readText(`Subject: the freezer\nTo: nobody\n\n${english}`, 'a.txt')).contentType).toBe(
      'text/plain',
    );
  });
});

describe('archives', () => {
  const entries = ['docs/', 'docs/plan.txt', 'Öl.bin'];

  it('lists a zip without unpacking it', async () => {
    const zip = makeZip({ 'docs/': strToU8(''), 'docs/plan.txt': strToU8('secret'), 'Öl.bin': strToU8('x') });
    expect(await readText(zip, 'backup.docx')).toMatchObject({
      contentType: 'application/zip',
      text: entries.join('\n'),
      language: null,
      metadata: { entries: 3 },
    });
  });

  it('lists a tar, compressed or not', async () => {
    const files = { docs: null, 'docs/plan.txt': 'secret', 'Öl.bin': 'x' };
    const expected = { text: entries.join('\n'), metadata: { entries: 3 } };
    expect(await readText(await makeTar(files), 'a.tar')).toMatchObject(expected);
    expect(await readText(await makeTarGz(files), 'a.tgz')).toMatchObject(expected);
  });

  it('names the one file in gzip', async () => {
    expect(await readText(gzipSync('secret'), 'notes.txt.gz')).toMatchObject({
      contentType: 'application/gzip',
      text: 'notes.txt',
      metadata: { entries: 1 },
    });
  });

  it('skips one that is empty', async () => {
    expect(await readContent(makeZip({}))).toMatchObject({
      status: 'skipped',
      reason: 'The archive is empty.',
    });
  });
});

describe('source code', () => {
  it('keeps the lines of code, and says which language it is in', async () => {
    const code = 'def add(a, b):\n    # sums of the day\n\n    return a + b';
    expect(await readText(code, 'sums.py')).toMatchObject({
      contentType: 'text/x-python',
      text: code,
      language: null,
    });
    expect((await readText('#!/bin/sh\nrm -rf /', 'report.pdf')).contentType).toBe('text/x-shellscript');
  });
});

describe('web pages', () => {
  it('finds what a page says of itself', async () => {
    const page =
      '<html><head><title>Opening &amp; hours</title><meta content="Ada Byron" name="author"><meta name=keywords content=\'sea, wind\'><meta name="description" content="When we open"></head><body>x</body></html>';
    expect((await readText(page)).metadata).toMatchObject({
      title: 'Opening & hours',
      author: 'Ada Byron',
      keywords: ['sea', 'wind'],
      subject: 'When we open',
    });
  });
});

describe('encodings', () => {
  const japanese = '研究所は試料を冷凍庫に保管しています。すべての試料にはラベルが付いています。';
  const shiftJis = Buffer.from(
    '8ca48b868f8a82cd8e8e97bf82f097e293808cc982c995db8ac782b582c482a282dc82b78142',
    'hex',
  );

  it.each([
    [
      'UTF-16 little endian without a mark',
      Buffer.from('Prüfbericht über Öl\nund mehr', 'utf16le'),
      'über Öl',
    ],
    ['UTF-16 big endian without a mark', Buffer.from('Prüfbericht über Öl', 'utf16le').swap16(), 'über Öl'],
    [
      'Japanese in UTF-16 without a mark',
      Buffer.from(`${japanese} ${japanese}\n`.repeat(9), 'utf16le'),
      '試料',
    ],
    ['Latin-1', Buffer.from('Prüfbericht über Öl, café déjà vu', 'latin1'), 'café déjà vu'],
    ['Shift JIS', shiftJis, '研究所は試料を冷凍庫に保管しています。'],
    ['UTF-8 with a bad byte', Buffer.concat([Buffer.from(japanese), Buffer.from([0xff])]), japanese],
    [
      'what a page declares',
      Buffer.from('<html><meta charset="windows-1251"><p>\xcf\xf0\xe8\xe2\xe5\xf2</p>', 'latin1'),
      'Привет',
    ],
  ])('decodes %s', async (_, bytes, expected) => {
    expect((await readText(bytes, 'a.txt')).text).toContain(expected);
  });
});
