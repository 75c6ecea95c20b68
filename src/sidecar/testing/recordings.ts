/** Recordings made by hand for tests: silence with tags. */

const RATE = 8_000;

/** PCM of 8 bits; `info` are tags of a LIST chunk, such as `INAM` for the title. */
export function makeWav(seconds: number, info: Readonly<Record<string, string>> = {}): Uint8Array {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(1, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(RATE, 4);
  format.writeUInt32LE(RATE, 8);
  format.writeUInt16LE(1, 12);
  format.writeUInt16LE(8, 14);
  const tags = Object.entries(info).map(([id, text]) => riffChunk(id, Buffer.from(`${text}\0`)));
  const list = tags.length === 0 ? [] : [riffChunk('LIST', Buffer.concat([Buffer.from('INFO'), ...tags]))];
  const parts = [
    Buffer.from('WAVE'),
    riffChunk('fmt ', format),
    ...list,
    riffChunk('data', Buffer.alloc(seconds * RATE, 128)),
  ];
  return riffChunk('RIFF', Buffer.concat(parts));
}

function riffChunk(id: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

/** MPEG-1 layer III at 128 kbit/s, silent, behind an ID3v2.3 tag with these frames, such as `TIT2` for the title. */
export function makeMp3(frames: number, tags: Readonly<Record<string, string>> = {}): Uint8Array {
  const tagFrames = Object.entries(tags).map(([id, text]) => {
    const language = id === 'COMM' || id === 'USLT' ? Buffer.from('eng\0') : Buffer.alloc(0);
    const body = Buffer.concat([Buffer.from([0]), language, Buffer.from(text, 'latin1')]);
    const head = Buffer.alloc(10);
    head.write(id, 'latin1');
    head.writeUInt32BE(body.length, 4);
    return Buffer.concat([head, body]);
  });
  const tag = Buffer.concat(tagFrames);
  const size = [21, 14, 7, 0].map((shift) => (tag.length >> shift) & 0x7f);
  const header = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, ...size]);
  const frame = Buffer.alloc(417);
  frame.set([0xff, 0xfb, 0x90, 0xc0]);
  return Buffer.concat([header, tag, ...Array.from({ length: frames }, () => frame)]);
}

/** FLAC of silence that is only promised: its header and its tags, `TITLE=…`. */
export function makeFlac(seconds: number, comments: readonly string[]): Uint8Array {
  const info = Buffer.alloc(34);
  info.writeUInt16BE(4_096, 0);
  info.writeUInt16BE(4_096, 2);
  // 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples.
  info.writeBigUInt64BE((BigInt(RATE) << 44n) | (0n << 41n) | (15n << 36n) | BigInt(seconds * RATE), 10);
  const vendor = sized('test');
  const count = Buffer.alloc(4);
  count.writeUInt32LE(comments.length);
  const tags = Buffer.concat([vendor, count, ...comments.map(sized)]);
  return Buffer.concat([Buffer.from('fLaC'), flacBlock(0, info), flacBlock(0x84, tags), Buffer.alloc(200)]);
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function flacBlock(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  head[0] = type;
  return Buffer.concat([head, data]);
}

/** An MP4 with one sound track, which is empty, and a title as iTunes writes it. */
export function makeMp4(seconds: number, title: string, brand = 'isom'): Uint8Array {
  const data = box('data', Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]), Buffer.from(title)]));
  const handler = Buffer.alloc(25);
  handler.write('mdirappl', 8, 'latin1');
  const list = box('ilst', box('\u00a9nam', data));
  const meta = box('meta', Buffer.concat([Buffer.alloc(4), box('hdlr', handler), list]));
  const parts = [box('mvhd', movieHeader(seconds)), soundTrack(seconds), box('udta', meta)];
  const type = box('ftyp', Buffer.from(`${brand}\0\0\0\u0001${brand}`, 'latin1'));
  return Buffer.concat([type, box('moov', Buffer.concat(parts)), box('mdat', Buffer.alloc(16))]);
}

function movieHeader(seconds: number): Buffer {
  const header = Buffer.alloc(100);
  header.writeUInt32BE(1_000, 12);
  header.writeUInt32BE(seconds * 1_000, 16);
  header.writeUInt32BE(0x10000, 20);
  header.writeUInt32BE(2, 96);
  return header;
}

/** ISO/IEC 14496-12, 8.3 to 8.5. */
function soundTrack(seconds: number): Buffer {
  const track = Buffer.alloc(84);
  track.writeUInt32BE(1, 12);
  const media = Buffer.alloc(24);
  media.writeUInt32BE(RATE, 12);
  media.writeUInt32BE(seconds * RATE, 16);
  const handler = Buffer.alloc(25);
  handler.write('soun', 8, 'latin1');
  const sound = Buffer.alloc(28);
  sound.writeUInt16BE(1, 6);
  sound.writeUInt16BE(1, 16);
  sound.writeUInt16BE(16, 18);
  sound.writeUInt16BE(RATE, 24);
  const descriptions = box(
    'stsd',
    Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), box('mp4a', sound)]),
  );
  const tables = ['stts', 'stsc', 'stco'].map((name) => box(name, Buffer.alloc(8)));
  const samples = box('stbl', Buffer.concat([descriptions, ...tables, box('stsz', Buffer.alloc(12))]));
  const contents = [box('mdhd', media), box('hdlr', handler), box('minf', samples)];
  return box('trak', Buffer.concat([box('tkhd', track), box('mdia', Buffer.concat(contents))]));
}

function box(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** WebM without clusters: EBML header, duration and a title. */
export function makeWebm(seconds: number, title: string): Uint8Array {
  const duration = Buffer.alloc(8);
  duration.writeDoubleBE(seconds * 1_000);
  const info = ebml('1549a966', [
    ebml('2ad7b1', [Buffer.from([0x0f, 0x42, 0x40])]),
    ebml('4489', [duration]),
    ebml('7ba9', [Buffer.from(title)]),
  ]);
  const header = ebml('1a45dfa3', [ebml('4282', [Buffer.from('webm')])]);
  return Buffer.concat([header, ebml('18538067', [info])]);
}

function ebml(id: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(body.length) | (1n << 56n));
  return Buffer.concat([Buffer.from(id, 'hex'), size, body]);
}
