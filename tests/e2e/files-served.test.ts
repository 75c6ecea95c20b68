import { unzipSync } from 'fflate';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { openBucket } from './harness/bucket.ts';
import { bodyOf, createClient, refusal } from './harness/client.ts';
import { query } from './harness/database.ts';
import { list, makeFolder, post } from './harness/files.ts';
import { fileSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);

const HTML = '<!doctype html><html><script>alert(1)</script></html>';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
const PNG = Uint8Array.from([
  0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52,
]);
const bytes = (text: string) => new TextEncoder().encode(text);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** Name, what the client says it is, and what it is. */
const DISGUISED: readonly (readonly [string, string, Uint8Array<ArrayBuffer>])[] = [
  ['page.png', 'image/png', bytes(HTML)],
  ['page.jpg', 'image/jpeg', bytes(`\n\n  ${HTML}`)],
  ['picture.svg.png', 'image/png', bytes(SVG)],
  ['report.pdf', 'application/pdf', bytes(HTML)],
  ['script.gif', 'image/gif', bytes('GIF89a/*<script>alert(1)</script>*/=1;alert(1)')],
  ['polyglot.pdf', 'application/pdf', bytes(`%PDF-1.7\n1 0 obj\n${HTML}\nendobj\n%%EOF`)],
  ['polyglot.zip', 'application/zip', joined(bytes('PK\u0003\u0004'), bytes(HTML))],
  ['polyglot.png', 'text/html', joined(PNG, bytes(HTML))],
  ['sniffed.txt', 'text/plain', bytes(HTML)],
  ['noise.html', 'text/html', joined(Uint8Array.from([0, 1, 2, 255, 254]), bytes('<script>'))],
];

describe('content that is not what it says', () => {
  it.each(DISGUISED)('%s as %s is never served as a page, whoever asks how', async (name, type, content) => {
    const { api: mine } = await newAccount(api);
    const answer = await post(mine, name, content, { headers: { 'content-type': type } });
    const { id } = bodyOf(answer, 201, fileSchema);
    for (const query of ['', '?disposition=inline', '?disposition=attachment']) {
      const { headers, status } = await mine.call('GET', `/v1/files/${id}/content${query}`);
      expect(status, query).toBe(200);
      expect(headers.get('x-content-type-options'), query).toBe('nosniff');
      expect(headers.get('content-security-policy'), query).toMatch(/(^|[ ;])sandbox($|[ ;])/);
      // A picture or a PDF may be looked at; what could run may not, sandboxed or not.
      if (headers.get('content-disposition')?.startsWith('inline'))
        expect(headers.get('content-type'), query).toMatch(
          /^(image\/(png|jpeg|gif|webp|avif)|application\/pdf|text\/plain)/,
        );
      else expect(headers.get('content-disposition'), query).toMatch(/^attachment;/);
    }
  });

  it('keeps what the client said beside what it is, and serves no picture that is none', async () => {
    const { api: mine } = await newAccount(api);
    const answer = await post(mine, 'page.png', bytes(HTML), { headers: { 'content-type': 'image/png' } });
    const file = bodyOf(answer, 201, fileSchema);
    expect(file.contentType).not.toBe('image/png');
    const rows = await query(
      installation,
      'select content_type, announced_type from storage.versions where file_id = $1::uuid',
      [file.id.slice(5)],
    );
    expect(rows).toEqual([{ content_type: file.contentType, announced_type: 'image/png' }]);
  });
});

/** Taken as they are, or refused: never changed on the way. */
const HOSTILE: readonly string[] = [
  '..',
  '...',
  '../../etc/passwd',
  '..\\..\\boot.ini',
  '/etc/passwd',
  'C:\\autoexec.bat',
  'CON',
  'nul.txt',
  'a\u0000.png',
  'a\r\nSet-Cookie: x=1',
  'a\tb',
  '.htaccess',
  '-rf',
  '$(reboot)',
  '`reboot`',
  "'; drop table storage.files; --",
  '<img src=x onerror=alert(1)>',
  '{{7*7}}',
  '%2e%2e%2f',
  '%00',
  'a%0d%0ab',
  '\u202Egpj.exe',
  'a\u200Bb',
  '\uFEFFbom',
  'e\u0301 nfd',
  '\u00e9 nfc',
  '🏳️‍🌈.txt',
  '田中さん'.repeat(30),
  'ﷺ'.repeat(60),
  'x'.repeat(255),
  'x'.repeat(256),
  ' leading',
  'trailing ',
  'dot.',
  'keys/obj_1',
  'journal/1',
  '=cmd|calc',
  'a"b;c=d',
  "a''b*UTF-8",
];

describe('hostile names', () => {
  it('are stored as they were sent or refused, and never become a path or a key', async () => {
    const { api: mine } = await newAccount(api);
    const bucket = openBucket(installation.bucket);
    const kept: string[] = [];
    for (const [at, name] of HOSTILE.entries()) {
      const folder = await makeFolder(mine, `at ${at}`);
      const answer = await mine.call(
        'POST',
        `/v1/files?${new URLSearchParams({ name, parentId: folder.id })}`,
        {
          body: `content ${at}`,
        },
      );
      const [found] = (await list(mine, { parentId: folder.id })).items;
      if (answer.status === 201) {
        expect([found?.name, found?.path], name).toEqual([name, `/at ${at}/${name}`]);
        const { headers } = await mine.call('GET', `/v1/files/${found?.id}/content`);
        const disposition = headers.get('content-disposition') ?? '';
        expect(disposition, name).toMatch(
          /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.~!#$&+^`|%-]+$/,
        );
        expect(decodeURIComponent(disposition.replace(/^.*UTF-8''/, '')), name).toBe(name);
        kept.push(name);
      } else {
        expect(refusal(answer), name).toBe('400 invalid_request');
        expect(found, name).toBeUndefined();
      }
    }
    expect(kept.length).toBeGreaterThan(15);
    const keys = await bucket.keys();
    const generated = /^(journal\/[\w./-]+|(keys\/[\w-]+\/)?[\w-]+(\/[\w-]+)*)$/;
    expect(keys.filter((key) => !generated.test(key) || kept.some((name) => key.includes(name)))).toEqual([]);
  }, 120_000);

  it('stay inside of the archive that a folder is downloaded as', async () => {
    const { api: mine } = await newAccount(api);
    const top = await makeFolder(mine, '-top "x"');
    const kept: string[] = [];
    for (const name of HOSTILE) {
      const query = new URLSearchParams({ name, parentId: top.id, conflict: 'rename' });
      const answer = await mine.call('POST', `/v1/files?${query}`, { body: 'x' });
      if (answer.status === 201) kept.push(bodyOf(answer, 201, fileSchema).name);
    }
    const answer = await mine.call('GET', `/v1/files/${top.id}/zip`);
    expect(answer.headers.get('content-disposition')).toMatch(
      /^attachment; filename="[\x20-\x21\x23-\x7e]*"; filename\*=UTF-8''[\w.~!#$&+^`|%-]+$/,
    );
    const names = Object.keys(unzipSync(answer.bytes)).filter((name) => !name.endsWith('/'));
    expect(names).toHaveLength(kept.length);
    for (const name of names) {
      const steps = name.split('/');
      expect(steps, name).toHaveLength(2);
      expect(steps[0], name).toBe(top.name);
      expect(['.', '..', ''], name).not.toContain(steps[1]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(name).not.toMatch(/[\\\u0000-\u001f]/);
    }
  }, 120_000);
});
