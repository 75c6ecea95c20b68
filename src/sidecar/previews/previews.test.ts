import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeDocx, makePdf, makePdfBomb } from '../testing/documents.ts';
import { BLUE, makePixelFlood, makeSvg, meanColour, plain, RED } from '../testing/pictures.ts';
import { seal } from '../testing/sealed.ts';
import { startTestSidecar, type TestSidecar, type TestSidecarOptions } from '../testing/sidecar.ts';

let sidecar: TestSidecar;
beforeAll(async () => {
  sidecar = await startTestSidecar();
});
afterAll(() => sidecar.close());

async function start(options: TestSidecarOptions): Promise<TestSidecar> {
  const started = await startTestSidecar(options);
  onTestFinished(() => started.close());
  return started;
}

async function preview(bytes: Uint8Array | string, width: 64 | 256 | 1_024 = 256, on = sidecar) {
  return on.files.preview({ ...on.put(bytes), width });
}

async function made(bytes: Uint8Array | string, width?: 64 | 256 | 1_024) {
  const answer = await preview(bytes, width);
  if (answer.status === 'refused') throw new Error(`${answer.code}: ${answer.reason}`);
  return { ...answer, header: await sharp(answer.bytes).metadata() };
}

describe('the preview of a picture', () => {
  it.each([
    ['jpeg', 'image/jpeg'],
    ['png', 'image/png'],
    ['webp', 'image/webp'],
    ['gif', 'image/gif'],
    ['avif', 'image/avif'],
    ['tiff', 'image/tiff'],
  ] as const)('of type %s fits into the square that was asked for', async (format, sourceType) => {
    const answer = await made(await plain(600, 300)[format]().toBuffer(), 64);
    expect(answer).toMatchObject({ width: 64, height: 32, sourceType });
    expect(answer.header).toMatchObject({ format: 'webp', width: 64, height: 32 });
    const { r, b } = await meanColour(answer.bytes);
    expect([Math.abs(r - RED.r), Math.abs(b - RED.b)].every((difference) => difference < 12)).toBe(true);
  });

  it('is the picture with its headers on the wire', async () => {
    const call = { ...sidecar.put(await plain(40, 20).png().toBuffer()), width: 64 };
    const response = await sidecar.post('/v1/preview', call);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/webp',
      'x-preview-width': '40',
      'x-preview-height': '20',
      'x-source-type': 'image/png',
    });
  });

  it('is never larger than the picture', async () => {
    expect(await made(await plain(30, 20).png().toBuffer(), 1_024)).toMatchObject({ width: 30, height: 20 });
  });

  it('stands upright and tells nothing of where and with what it was taken', async () => {
    const photo = await plain(400, 200)
      .withExif({ IFD0: { Make: 'Spy camera' }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
      .withMetadata({ orientation: 6, icc: 'p3' })
      .jpeg()
      .toBuffer();
    expect((await sharp(photo).metadata()).orientation).toBe(6);
    const { header, bytes } = await made(photo);
    expect(header).toMatchObject({ width: 128, height: 256 });
    for (const kind of ['exif', 'icc', 'xmp', 'iptc'] as const) expect(header[kind]).toBeUndefined();
    expect(Buffer.from(bytes).includes('Spy camera')).toBe(false);
  });

  it('that moves is its first frame', async () => {
    const frames = await Promise.all([RED, BLUE].map((colour) => plain(80, 80, colour).png().toBuffer()));
    const film = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    const { header, bytes } = await made(film);
    expect([header.height, header.pages ?? 1]).toEqual([80, 1]);
    const { r, b } = await meanColour(bytes);
    expect(r).toBeGreaterThan(b + 100);
  });

  it('that is cut off says so', async () => {
    const noise = await sharp(randomBytes(300 * 300 * 3), { raw: { width: 300, height: 300, channels: 3 } })
      .png()
      .toBuffer();
    expect(await preview(noise.subarray(0, noise.length / 2))).toEqual({
      status: 'refused',
      code: 'preview_failed',
      reason: 'The picture is damaged or incomplete.',
      sourceType: 'image/png',
    });
  });

  it('of 50,000 x 50,000 pixels in 30 KB is refused by its header', async () => {
    const flood = makePixelFlood(50_000, 50_000);
    expect(flood.length).toBeLessThan(32_000);
    expect(await preview(flood)).toMatchObject({
      code: 'preview_failed',
      reason: expect.stringContaining('200 megapixels'),
    });
  });
});

describe('the preview of a PDF', () => {
  it('is its first page on white', async () => {
    const { bytes, ...answer } = await made(makePdf({ pages: [['Minutes of the spring meeting']] }), 1_024);
    expect(answer).toMatchObject({ sourceType: 'application/pdf', width: 791, height: 1_024 });
    const { channels } = await sharp(bytes).stats();
    expect(channels[0]).toMatchObject({ max: 255 });
    expect(channels[0]?.min).toBeLessThan(80);
  });

  it('of 10,000 pages takes no longer than its first one', async () => {
    const long = makePdf({ pages: Array.from({ length: 10_000 }, (_, page) => [`Page ${page}`]) });
    const startedAt = performance.now();
    await made(long, 64);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('is not drawn larger than asked, however long the page', async () => {
    const pdf = Buffer.from(makePdf({ pages: [['x']] })).toString('latin1');
    const strip = Buffer.from(pdf.replace('[0 0 612 792]', '[0 0 9 90000]'), 'latin1');
    expect(await made(strip)).toMatchObject({ width: 1, height: 256 });
  });

  it.each([
    ['that is encrypted', makePdf({ pages: [['x']], encrypted: true }), 'password'],
    ['that is cut off', makePdf({ pages: [['x']] }).subarray(0, 200), 'damaged'],
    ['of noise', Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(5_000)]), 'damaged'],
  ])('%s says why there is none', async (_, bytes, word) => {
    const answer = await preview(bytes);
    expect(answer).toMatchObject({ code: 'preview_failed', reason: expect.stringContaining(word) });
  });
});

describe('what has no preview', () => {
  it.each([
    ['html', '<!doctype html><html><script>alert(1)</script></html>', 'text/html'],
    ['a script', 'fetch("//evil.example")', 'text/plain'],
    ['a Word document', makeDocx(['text']), expect.stringContaining('wordprocessingml')],
    ['zeros, packed', gzipSync(Buffer.alloc(50_000_000)), 'application/gzip'],
    ['a drawing, packed', gzipSync(makeSvg('<rect/>')), 'application/gzip'],
    ['nothing', '', expect.any(String)],
    ['one byte', '\x00', 'application/octet-stream'],
    ['noise', randomBytes(10_000), 'application/octet-stream'],
  ])('%s is unsupported by its content', async (_, bytes, sourceType) => {
    expect(await preview(bytes)).toMatchObject({ code: 'preview_unsupported', sourceType });
  });

  it('a GIF that is a script as well is damaged', async () => {
    expect(await preview('GIF89a/*\x00\x00*/=1;alert(1)//')).toMatchObject({ code: 'preview_failed' });
  });

  it('a file over the limit is not even fetched', async () => {
    const before = sidecar.storeHits();
    const call = { ...sidecar.put('x'), size: 300_000_000, width: 64 as const };
    expect(await sidecar.files.preview(call)).toMatchObject({
      code: 'preview_failed',
      reason: expect.stringContaining('250 MB'),
    });
    expect(sidecar.storeHits()).toBe(before);
  });

  it.each([{ width: 65 }, { size: -1 }, { url: 'x' }, { decryption: { key: 'short', id: 'x' } }])(
    'a call with %o is not valid',
    async (fault) => {
      const response = await sidecar.post('/v1/preview', { ...sidecar.put('x'), width: 64, ...fault });
      expect(await response.json()).toMatchObject({ code: 'invalid_request' });
    },
  );

  it('an object elsewhere is forbidden', async () => {
    const call = { url: 'http://169.254.169.254/latest', size: 1, width: 64 as const };
    await expect(sidecar.files.preview(call)).rejects.toMatchObject({ code: 'source_forbidden' });
  });
});

describe('the preview of a drawing', () => {
  it('is as sharp as asked for', async () => {
    const answer = await made(makeSvg('<rect width="100" height="50" fill="#dc141e"/>'), 1_024);
    expect(answer).toMatchObject({ width: 1_024, height: 512, sourceType: 'image/svg+xml' });
    expect((await meanColour(answer.bytes)).r).toBeGreaterThan(200);
  });

  it('may have comments, a document type, links and pictures inside of it', async () => {
    const inner = (await plain(4, 4).png().toBuffer()).toString('base64');
    const content = `<a xlink:href="https://example.com/"><rect width="9" height="9"/></a><image width="4" height="4" href="data:image/png;base64,${inner}"/><use href="#x"/>`;
    const before =
      '<?xml version="1.0"?><!-- made by hand --><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [<!ENTITY ns "x">]>';
    await made(makeSvg(content, before));
  });

  it('fetches nothing and reads no file', async () => {
    let hits = 0;
    const listener = createServer((_, response) => {
      hits++;
      response.end('x');
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    const address = listener.address();
    const outside = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/x.png`;
    const drawings = [
      makeSvg('&x;', `<!DOCTYPE svg [<!ENTITY x SYSTEM "${outside}">]>`),
      makeSvg('', `<!DOCTYPE svg [<!ENTITY % x SYSTEM "${outside}"> %x;]>`),
      makeSvg('<text>&x;</text>', '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
      makeSvg('', `<?xml-stylesheet href="${outside}"?>`),
      makeSvg(`<image href="${outside}" width="9" height="9"/>`),
      makeSvg('<image xlink:href="/etc/hostname" width="9" height="9"/>'),
      makeSvg(`<use href='${outside}#a'/>`),
      makeSvg(`<style>@import "${outside}";</style>`),
      makeSvg(`<rect width="9" height="9" style="fill:url( '${outside}#a')"/>`),
      makeSvg(`<style>@font-face{font-family:a;src:url(${outside})}</style>`),
      makeSvg(
        '<text><i:include href="/etc/passwd" parse="text"/></text>',
        '',
        'xmlns:i="http://www.w3.org/2001/XInclude"',
      ),
    ];
    for (const drawing of drawings) {
      expect(await preview(drawing), drawing).toMatchObject({ code: 'preview_failed' });
    }
    // What hides from the look beforehand is not fetched either.
    const hidden = outside.replace('http', '&#x68;ttp').replace('/x.png', '&#47;x.png');
    await preview(makeSvg(`<image h&#114;ef="${hidden}"/><image xlink:href="#" src="${hidden}"/>`));
    expect(hits).toBe(0);
  });

  it('does not multiply entities', async () => {
    const entities = [...'bcdefghij']
      .map((name, index) => `<!ENTITY ${name} "${`&${'abcdefghi'[index]};`.repeat(10)}">`)
      .join('');
    const before = `<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">${entities}]>`;
    expect(await preview(makeSvg('<text>&j;</text>', before))).toMatchObject({ code: 'preview_failed' });
  });
});

describe('a hostile file', () => {
  const innocent = () => plain(90, 90).png().toBuffer();

  it('that takes too long is ended, and the next one is drawn', async () => {
    const hasty = await start({ previews: { renderMilliseconds: 30 } });
    const answer = await preview(await plain(9_000, 9_000).png().toBuffer(), 256, hasty);
    expect(answer).toMatchObject({ code: 'preview_failed', reason: expect.stringContaining('within') });
    expect(await preview(await innocent())).toMatchObject({ status: 'made' });
  });

  it('that unpacks to far more than it is does not take the memory of others', async () => {
    const small = await start({ previews: { memoryMebibytes: 300 } });
    const answer = await preview(makePdfBomb(400_000_000), 256, small);
    expect(answer).toMatchObject({ code: 'preview_failed', reason: expect.stringContaining('memory') });
  });

  it('that needs too much native memory is ended, while others are drawn', async () => {
    const small = await start({ previews: { memoryMebibytes: 300 } });
    const raw = { width: 10_000, height: 10_000, channels: 3 as const };
    // Interlaced: cannot be decoded line by line.
    const large = await sharp(Buffer.alloc(300_000_000, 90), { raw, limitInputPixels: false })
      .png({ progressive: true, compressionLevel: 1 })
      .toBuffer();
    const [hostile, other] = await Promise.all([
      preview(large, 256, small),
      innocent().then((bytes) => preview(bytes)),
    ]);
    expect(hostile).toMatchObject({ code: 'preview_failed', reason: expect.stringContaining('memory') });
    expect(other).toMatchObject({ status: 'made' });
    expect(await preview(await innocent(), 64, small)).toMatchObject({ status: 'made' });
  });

  it('that brings its process down harms nobody else', async () => {
    const small = await start({ previews: { heapMebibytes: 32 } });
    const large = makePdf({ pages: Array.from({ length: 60_000 }, () => ['x']) });
    // Without its table of objects all of it has to be looked through.
    expect(await preview(large.subarray(0, -2_000), 256, small)).toMatchObject({
      code: 'preview_failed',
      reason: 'Making the preview needs more memory than is allowed.',
    });
    expect(await preview(await innocent(), 256, small)).toMatchObject({ status: 'made' });
  });
});

it('makes some of two hundred previews asked for at once and asks the rest to come back', async () => {
  const bytes = await plain(300, 300).png().toBuffer();
  const call = { ...sidecar.put(bytes), width: 64 as const };
  const answers = await Promise.allSettled(Array.from({ length: 200 }, () => sidecar.files.preview(call)));
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  expect(answers.length - refusals.length).toBeGreaterThanOrEqual(66);
  expect(refusals.length).toBeGreaterThan(50);
  for (const refusal of refusals)
    expect(refusal).toMatchObject({ code: 'overloaded', retryAfterSeconds: 10 });
});

it('draws what is encrypted in the bucket, given its key', async () => {
  const noise = { width: 400, height: 400, channels: 3 as const };
  const bytes = await sharp(randomBytes(480_000), { raw: noise }).png().toBuffer();
  const { sealed, decryption } = await seal(bytes);
  const { url } = sidecar.put(sealed);
  const call = { url, size: bytes.length, width: 64 as const };
  expect(await sidecar.files.preview({ ...call, decryption })).toMatchObject({ width: 64 });
});
