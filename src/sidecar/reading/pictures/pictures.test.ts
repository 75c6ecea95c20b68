import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PictureLimits, type ReadingLimits, readingLimits } from '../../limits.ts';
import { makePixelFlood, plain } from '../../testing/pictures.ts';
import { drawPrint, makeManyFrames, makeScannedPdf } from '../../testing/scans.ts';
import { createReaderPool, type ReaderPool } from '../reader-pool.ts';

let folder: string;
let pool: ReaderPool;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-pictures-test-'));
  pool = createReaderPool(readingLimits);
});
afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

async function read(bytes: Uint8Array, on = pool, name = 'file') {
  const path = join(folder, `${files++}`);
  await writeFile(path, bytes);
  return on.read(path, name);
}

async function readText(bytes: Uint8Array, on = pool) {
  const answer = await read(bytes, on);
  if (answer.status !== 'read') throw new Error(`${answer.status}: ${answer.reason}`);
  return { ...answer, text: answer.chunks.map(({ text }) => text).join('\n') };
}

function poolWith(pictures: Partial<PictureLimits>, limits: Partial<ReadingLimits> = {}): ReaderPool {
  const made = createReaderPool({
    ...readingLimits,
    ...limits,
    pictures: { ...readingLimits.pictures, ...pictures },
  });
  onTestFinished(() => made.close());
  return made;
}

const noise = (width: number, height: number) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });

const sign = ['Ferry to Helgoland', 'Departure 09:45 from pier 3'];
const print = () => sharp(drawPrint(sign, { width: 800, height: 200 }).toBuffer('image/png'));

describe('a picture', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const)('of type %s is read', async (format) => {
    const answer = await readText(await print()[format]().toBuffer());
    expect(answer).toMatchObject({
      contentType: `image/${format}`,
      metadata: { image: { width: 800, height: 200 }, ocrPages: 1 },
    });
    expect(answer.text).toContain('Ferry to Helgoland');
    expect(answer.text).toContain('Departure 09:45 from pier 3');
  });

  it('without text is read, as its properties', async () => {
    const answer = await read(await plain(400, 300).png().toBuffer());
    expect(answer).toEqual({
      status: 'read',
      contentType: 'image/png',
      language: null,
      metadata: { image: { width: 400, height: 300, colours: ['#dc141e'] }, words: 0, characters: 0 },
      chunks: [],
    });
  });

  it('of leaves or snow has no words in it', async () => {
    const answer = await readText(await noise(700, 500).blur(1.2).jpeg().toBuffer());
    expect(answer).toMatchObject({ chunks: [], metadata: { characters: 0 } });
    expect(answer.metadata.ocrPages).toBeUndefined();
  });

  it('names its colours, the most present first', async () => {
    const half = await plain(100, 40, { r: 0, g: 0, b: 255 }).png().toBuffer();
    const flag = await plain(100, 100, { r: 255, g: 255, b: 255 })
      .composite([{ input: half, top: 0, left: 0 }])
      .png()
      .toBuffer();
    expect((await readText(flag)).metadata.image?.colours).toEqual(['#ffffff', '#0000ff']);
  });

  it('tells what the camera wrote, and its size as it is shown', async () => {
    const photo = await plain(600, 400)
      .withExif({
        IFD0: { Make: 'NIKON CORPORATION', Model: 'NIKON Z 6' },
        IFD2: {
          LensModel: 'NIKKOR Z 50mm',
          DateTimeOriginal: '2024:02:03 04:05:06',
          OffsetTimeOriginal: '+02:00',
        },
        IFD3: {
          GPSLatitudeRef: 'S',
          GPSLatitude: '33/1 51/1 36/1',
          GPSLongitudeRef: 'E',
          GPSLongitude: '151/1 12/1 0/1',
          GPSAltitude: '58/1',
        },
      })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect((await readText(photo)).metadata.image).toEqual({
      width: 400,
      height: 600,
      colours: [expect.stringMatching(/^#[0-9a-f]{6}$/)],
      camera: 'NIKON Z 6',
      lens: 'NIKKOR Z 50mm',
      takenAt: '2024-02-03T04:05:06+02:00',
      place: { latitude: -33.86, longitude: 151.2, altitude: 58 },
    });
  });

  it('that lies on its side is read upright', async () => {
    const lying = await print().rotate(-90).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const answer = await readText(lying);
    expect(answer.metadata.image).toMatchObject({ width: 800, height: 200 });
    expect(answer.text).toContain('Ferry to Helgoland');
  });

  it('has no place where a camera wrote nonsense', async () => {
    const photo = await plain(60, 40)
      .withExif({
        IFD2: { DateTimeOriginal: '0000:00:00 00:00:00' },
        IFD3: {
          GPSLatitudeRef: 'N',
          GPSLatitude: '4000/1 0/0 1/0',
          GPSLongitudeRef: 'E',
          GPSLongitude: '1/1 0/1 0/1',
        },
      })
      .jpeg()
      .toBuffer();
    const image = (await readText(photo)).metadata.image;
    expect(image?.place).toBeUndefined();
    expect(image?.takenAt).toBeUndefined();
  });
});

describe('a scanned PDF', () => {
  const ledger = ['The harbour master keeps a ledger', 'of every vessel that enters at night'];
  const dense = Array.from(
    { length: 36 },
    (_, line) => `Line ${line} of a page that is full of print and numbers`,
  );

  it('is read beside pages that have text, and every passage knows its page', async () => {
    const long = Array.from({ length: 45 }, (_, line) => `A page with a text layer, line ${line}.`);
    const last = Array.from({ length: 45 }, (_, line) => `The end is on another page, line ${line}.`);
    const answer = await readText(
      makeScannedPdf([{ text: long }, { scan: ledger }, 'blank', { text: last }]),
    );
    expect(answer.metadata).toMatchObject({ pages: 4, ocrPages: 1 });
    expect(answer.truncated).toBeUndefined();
    const pageOf = (text: string) => answer.chunks.find((chunk) => chunk.text.includes(text))?.page;
    expect(answer.text).toContain('of every vessel that enters at night');
    expect(pageOf('A page with a text layer')).toBe(1);
    expect(pageOf('vessel that enters')).toBeLessThanOrEqual(2);
    expect(answer.chunks.at(-1)?.page).toBe(4);
  });

  it('of blank pages is skipped', async () => {
    expect(await read(makeScannedPdf(['blank', 'blank']))).toMatchObject({
      status: 'skipped',
      reason: expect.stringContaining('No text was found'),
    });
  });

  it('over the number of pages says how many were recognised', async () => {
    const answer = await readText(
      makeScannedPdf([{ scan: ledger }, { scan: ['Second page'] }, { scan: ['Third page'] }]),
      poolWith({ pages: 2 }),
    );
    expect(answer.metadata).toMatchObject({ pages: 3, ocrPages: 2 });
    expect(answer.truncated).toBe('Text was recognised in only the first 2 of 3 pages without a text layer.');
    expect(answer.text).toContain('Second page');
    expect(answer.text).not.toContain('Third page');
  });

  it('that takes too long keeps the pages that were recognised', async () => {
    const pages = [{ scan: ledger }, ...Array.from({ length: 20 }, () => ({ scan: dense }))];
    const answer = await readText(makeScannedPdf(pages), poolWith({ pagesMilliseconds: 8_000 }));
    expect(answer.truncated).toMatch(
      /^Text was recognised in only the first \d+ of 21 pages .*: it takes too long\.$/,
    );
    expect(answer.metadata.ocrPages).toBeGreaterThanOrEqual(1);
    expect(answer.text).toContain('The harbour master');
  });

  it('of which nothing could be recognised in time has failed, with the reason', async () => {
    const hasty = poolWith({ pagesMilliseconds: 1 });
    expect(await read(makeScannedPdf([{ scan: ledger }]), hasty)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('it takes too long'),
    });
  });

  it('leaves the document what it needs of the time', async () => {
    const short = poolWith({}, { parseMilliseconds: 11_000 });
    const pages = Array.from({ length: 20 }, () => ({ scan: dense }));
    expect((await readText(makeScannedPdf([{ text: ['kept'] }, ...pages]), short)).text).toContain('kept');
  });
});

describe('a hostile picture', () => {
  const innocent = () => plain(90, 60).png().toBuffer();
  const failed = (reason: string) => ({ status: 'failed', reason: expect.stringContaining(reason) });

  it.each([50_000, 30_000])('of %i pixels in a square is refused by its header', async (side) => {
    const startedAt = performance.now();
    expect(await read(makePixelFlood(side, side))).toMatchObject(failed('200 megapixels'));
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it.each([
    ['that is cut off', async () => (await noise(500, 500).jpeg().toBuffer()).subarray(0, 40_000)],
    ['that promises more than it holds', async () => makePixelFlood(14_000, 14_000)],
    ['that is a script as well', async () => Buffer.from('GIF89a/*\x00\x00*/=1;alert(1)//')],
    ['of noise', async () => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(9_000)])],
  ])('%s is damaged', async (_, make) => {
    expect(await read(await make())).toMatchObject(failed('damaged'));
  });

  it('of 100,000 frames is its first one', async () => {
    const startedAt = performance.now();
    expect(await read(makeManyFrames(100_000))).toMatchObject({
      status: 'read',
      metadata: { image: { width: 100, height: 100 } },
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('that is a TIFF of far more than it weighs is read or refused, in time', async () => {
    const bomb = await plain(14_000, 14_000).tiff({ compression: 'deflate' }).toBuffer();
    expect(bomb.length).toBeLessThan(2_000_000);
    const startedAt = performance.now();
    expect(['read', 'failed']).toContain((await read(bomb)).status);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('whose EXIF counts are huge is read without them', async () => {
    const photo = await plain(60, 40)
      .withExif({ IFD0: { Make: 'Camera', Artist: 'x'.repeat(50) } })
      .jpeg()
      .toBuffer();
    // The count of each field of the first directory (TIFF 6.0, section 2).
    const start = photo.indexOf('Exif\0\0') + 6;
    const isLittle = photo[start] === 0x49;
    for (let entry = start + 10; entry < start + 10 + 3 * 12; entry += 12) {
      if (isLittle) photo.writeUInt32LE(0xfffffff0, entry + 4);
      else photo.writeUInt32BE(0xfffffff0, entry + 4);
    }
    const startedAt = performance.now();
    expect(['read', 'failed']).toContain((await read(photo)).status);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('that needs too much native memory is ended, while others are read', async () => {
    const raw = { width: 10_000, height: 10_000, channels: 3 as const };
    // Interlaced: cannot be decoded line by line.
    const large = await sharp(Buffer.alloc(300_000_000, 90), { raw, limitInputPixels: false })
      .png({ progressive: true, compressionLevel: 1 })
      .toBuffer();
    const small = poolWith({ memoryMebibytes: 300 });
    const [hostile, other] = await Promise.all([read(large, small), innocent().then((bytes) => read(bytes))]);
    expect(hostile).toMatchObject(failed('more memory than is allowed'));
    expect(other.status).toBe('read');
    expect((await read(await innocent(), small)).status).toBe('read');
  });

  it('whose text takes too long keeps its properties and says so', async () => {
    const others = new Set(await children());
    const hasty = poolWith({ pictureMilliseconds: 2_500 });
    const answer = await readText(await noise(2_400, 2_400).jpeg().toBuffer(), hasty);
    expect(answer).toMatchObject({
      metadata: { image: { width: 2_400, height: 2_400 } },
      chunks: [],
      truncated: 'Only its properties were read. Recognising text: it takes too long.',
    });
    const own = async () => (await children()).filter((pid) => !others.has(pid)).length;
    await expect.poll(own, { timeout: 5_000 }).toBe(0);
    expect((await read(await innocent(), hasty)).status).toBe('read');
  });
});

it('a pool that is closed leaves no process behind, not even one at work', async () => {
  const others = new Set(await children());
  const made = createReaderPool(readingLimits);
  const running = read(await noise(2_400, 2_400).jpeg().toBuffer(), made);
  const own = async () => (await children()).filter((pid) => !others.has(pid)).length;
  await expect.poll(own, { timeout: 15_000 }).toBe(1);
  await made.close();
  expect((await running).status).not.toBe('skipped');
  await expect.poll(own, { timeout: 15_000 }).toBe(0);
});

it('one process looks at many pictures, one after the other', async () => {
  const others = new Set(await children());
  const made = createReaderPool(readingLimits);
  onTestFinished(() => made.close());
  const picture = await print().png().toBuffer();
  const seen = new Set<string>();
  for (let count = 0; count < 3; count++) {
    await read(picture, made);
    for (const pid of await children()) if (!others.has(pid)) seen.add(pid);
  }
  expect(seen.size).toBe(1);
});

/** Processes of this one that look at pictures (Linux). */
async function children(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(parent) === process.pid && state !== 'Z' && command.includes('picture-process'))
      found.push(pid);
  }
  return found;
}
