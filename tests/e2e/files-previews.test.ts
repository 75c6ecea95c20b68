import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { type Client, createClient, problemOf, refusal } from './harness/client.ts';
import { type Content, upload } from './harness/files.ts';

const api = createClient(inject('installation').url);

/** A grey PNG that says it has so many pixels, and has data for as many rows as are told. */
function png(width: number, height: number, rows = height): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const data = deflateSync(
    Buffer.alloc(rows * (width + 1), 0x80).map((byte, at) => (at % (width + 1) ? byte : 0)),
  );
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const all = [signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))];
  return new Uint8Array(Buffer.concat(all));
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function pdf(): string {
  const stream = 'BT /F1 40 Tf 20 100 Td (Hello) Tj ET';
  return [
    '%PDF-1.4',
    '1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj',
    '2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj',
    '3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >> endobj',
    `4 0 obj << /Length ${stream.length} >> stream\n${stream}\nendstream endobj`,
    '5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj',
    'trailer << /Root 1 0 R >>',
  ].join('\n');
}

async function fileWith(name: string, content: Content): Promise<{ mine: Client; id: string }> {
  const { api: mine } = await newAccount(api);
  return { mine, id: (await upload(mine, name, content)).id };
}

describe('a thumbnail', () => {
  it.each<[string, Content]>([
    ['picture.png', png(600, 400)],
    [
      'drawing.svg',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    ],
    ['page.pdf', pdf()],
  ])('of %s is a WebP of the asked size, the same the next time', async (name, content) => {
    const { mine, id } = await fileWith(name, content);
    const first = await mine.call('GET', `/v1/files/${id}/thumbnail?width=64`);
    expect(first.status, new TextDecoder().decode(first.bytes).slice(0, 300)).toBe(200);
    expect(first.headers.get('content-type')).toBe('image/webp');
    expect(Buffer.from(first.bytes.subarray(8, 12)).toString()).toBe('WEBP');
    const again = await mine.call('GET', `/v1/files/${id}/thumbnail?width=64`);
    expect(again.bytes).toEqual(first.bytes);
    const etag = first.headers.get('etag') ?? '';
    const known = await mine.call('GET', `/v1/files/${id}/thumbnail?width=64`, {
      headers: { 'if-none-match': etag },
    });
    expect([known.status, known.bytes.length]).toEqual([304, 0]);
  });

  it('is not made of text, of a broken picture, or of one with too many pixels, and the reason is told', async () => {
    const broken = png(600, 400).slice(0, 60);
    for (const [name, content] of [
      ['a.txt', 'only text'],
      ['broken.png', broken],
      ['flood.png', png(50_000, 50_000, 2)],
    ] as const) {
      const { mine, id } = await fileWith(name, content);
      const startedAt = Date.now();
      const answer = await mine.call('GET', `/v1/files/${id}/thumbnail`);
      expect(refusal(answer), name).toBe('404 no_preview');
      expect(problemOf(answer).detail, name).not.toBe('');
      expect(Date.now() - startedAt, name).toBeLessThan(15_000);
      const file = await mine.call('GET', `/v1/files/${id}/content`);
      expect(file.status, name).toBe(200);
    }
  });

  it('of somebody else is not there', async () => {
    const { id } = await fileWith('mine.png', png(10, 10));
    const { api: theirs } = await newAccount(api);
    expect(refusal(await theirs.call('GET', `/v1/files/${id}/thumbnail`))).toBe('404 file_not_found');
  });
});
