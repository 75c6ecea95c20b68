import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** Pictures made for tests, as ordinary or as hostile as needed. */

export const RED = { r: 220, g: 20, b: 30 };
export const BLUE = { r: 20, g: 30, b: 220 };

export function plain(width: number, height: number, background = RED) {
  return sharp({ create: { width, height, channels: 3, background } });
}

/** A PNG whose header promises what its few bytes do not hold. */
export function makePixelFlood(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.alloc(30_000_000), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A drawing of 100 x 50 with this inside. */
export function makeSvg(content: string, before = '', attributes = 'width="100" height="50"'): string {
  return `${before}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>${content}</svg>`;
}

/** Mean colour of a picture, 0 to 255 each. */
export async function meanColour(bytes: Uint8Array): Promise<{ r: number; g: number; b: number }> {
  const { channels } = await sharp(bytes).flatten({ background: '#fff' }).toColourspace('srgb').stats();
  const [r = 0, g = 0, b = 0] = channels.map(({ mean }) => mean);
  return { r, g, b };
}
