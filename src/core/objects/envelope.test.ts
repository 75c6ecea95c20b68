import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decryptFrames,
  EnvelopeError,
  FRAME_BYTES,
  FRAME_OVERHEAD_BYTES,
  frameCount,
  importDataKey,
  newDataKey,
  openFrame,
  type PlainRange,
  sealedRange,
  sealedSize,
  sealFrame,
} from './envelope.ts';

const SEALED = FRAME_BYTES + FRAME_OVERHEAD_BYTES;
const id = 'obj_one';
const key = await importDataKey(newDataKey());
const plaintext = new Uint8Array(randomBytes(3.5 * FRAME_BYTES));

async function seal(bytes: Uint8Array<ArrayBuffer>, objectId = id): Promise<Uint8Array<ArrayBuffer>[]> {
  const count = frameCount(bytes.byteLength);
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      sealFrame(
        key,
        { id: objectId, index, last: index === count - 1 },
        bytes.slice(index * FRAME_BYTES, (index + 1) * FRAME_BYTES),
      ),
    ),
  );
}

const streamOf = (...chunks: Uint8Array[]) => ReadableStream.from(chunks) as ReadableStream<Uint8Array>;

async function open(sealed: Uint8Array, size: number, range?: PlainRange, objectId = id): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const frames = decryptFrames(streamOf(sealed), key, { id: objectId, size }, range);
  for await (const chunk of frames) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a sealed object', () => {
  test.each([0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3.5 * FRAME_BYTES])(
    'of %d bytes comes back as it was, in the size that was foretold',
    async (size) => {
      const bytes = plaintext.slice(0, size);
      const sealed = Buffer.concat(await seal(bytes));
      expect(sealed.byteLength).toBe(sealedSize(size));
      expect((await open(sealed, size)).equals(bytes)).toBe(true);
    },
  );

  test('opens however its bytes are cut on the way', async () => {
    const sealed = Buffer.concat(await seal(plaintext));
    const chunks = Array.from({ length: Math.ceil(sealed.byteLength / 70_001) }, (_, index) =>
      sealed.subarray(index * 70_001, (index + 1) * 70_001),
    );
    const opened: Uint8Array[] = [];
    for await (const chunk of decryptFrames(streamOf(...chunks), key, { id, size: plaintext.byteLength }))
      opened.push(chunk);
    expect(Buffer.concat(opened).equals(plaintext)).toBe(true);
  });

  test('never has the same frame twice: a part that is sent again has other nonces', async () => {
    const [one, two] = await Promise.all([seal(plaintext), seal(plaintext)]);
    expect(one[0]?.subarray(0, 12)).not.toEqual(two[0]?.subarray(0, 12));
  });

  test.each([
    ['the nonce', 0],
    ['the first byte', 12],
    ['the middle', SEALED / 2],
    ['the last byte', SEALED - 17],
    ['the tag', SEALED - 1],
    ['the second frame', SEALED + 100],
    ['the last frame', 3 * SEALED + 100],
    ['the very last byte', sealedSize(plaintext.byteLength) - 1],
  ])('with a bit flipped in %s is refused', async (_, at) => {
    const sealed = Buffer.concat(await seal(plaintext));
    sealed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
    await expect(open(sealed, plaintext.byteLength)).rejects.toThrow(EnvelopeError);
  });

  test('with two frames swapped is refused', async () => {
    const [one, two, ...rest] = await seal(plaintext);
    const swapped = Buffer.concat([two, one, ...rest].flatMap((frame) => frame ?? []));
    await expect(open(swapped, plaintext.byteLength)).rejects.toThrow(EnvelopeError);
  });

  test('without its last frame is refused, also by a reader who was told the shorter size', async () => {
    const short = Buffer.concat((await seal(plaintext)).slice(0, -1));
    await expect(open(short, plaintext.byteLength)).rejects.toThrow(EnvelopeError);
    await expect(open(short, 3 * FRAME_BYTES)).rejects.toThrow(EnvelopeError);
  });

  test('with a frame behind its end is refused, also by a reader who was told the longer size', async () => {
    const frames = await seal(plaintext.slice(0, 2 * FRAME_BYTES));
    const longer = Buffer.concat([...frames, ...frames.slice(-1)]);
    await expect(open(longer, 2 * FRAME_BYTES)).rejects.toThrow(EnvelopeError);
    await expect(open(longer, 3 * FRAME_BYTES)).rejects.toThrow(EnvelopeError);
  });

  test('with a frame of another object under the same key is refused', async () => {
    const [frames, others] = await Promise.all([seal(plaintext), seal(plaintext, 'obj_two')]);
    const mixed = Buffer.concat([...frames.slice(0, 1), ...others.slice(1, 2), ...frames.slice(2)]);
    await expect(open(mixed, plaintext.byteLength)).rejects.toThrow(EnvelopeError);
    await expect(open(Buffer.concat(frames), plaintext.byteLength, undefined, 'obj_two')).rejects.toThrow(
      EnvelopeError,
    );
  });

  test('does not open with another key', async () => {
    const [frame] = await seal(plaintext.slice(0, 10));
    const other = await importDataKey(newDataKey());
    const opening = openFrame(other, { id, index: 0, last: true }, frame ?? new Uint8Array(0));
    await expect(opening).rejects.toThrow(EnvelopeError);
  });
});

test('a reader who goes away ends the source of the frames', async () => {
  const [frame = new Uint8Array()] = await seal(plaintext);
  let isEnded = false;
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(frame.slice()),
    cancel: () => {
      isEnded = true;
    },
  });
  for await (const _ of decryptFrames(source, key, { id, size: plaintext.byteLength })) break;
  expect(isEnded).toBe(true);
});

test('any range of a sealed object is the same range of the plaintext, from the frames that hold it alone', async () => {
  const sealed = Buffer.concat(await seal(plaintext));
  const size = plaintext.byteLength;
  const position = fc.oneof(
    fc.nat(size),
    fc
      .tuple(fc.nat(3), fc.integer({ min: -2, max: 2 }))
      .map(([frame, by]) => Math.max(0, frame * FRAME_BYTES + by)),
  );
  await fc.assert(
    fc.asyncProperty(position, position, async (one, two) => {
      const range = { start: Math.min(one, two, size - 1), end: Math.max(one, two, 1) };
      fc.pre(range.start < range.end);
      const { start, end } = sealedRange(range, size);
      const frames = Math.ceil((range.end - range.start) / FRAME_BYTES) + 1;
      expect(end - start).toBeLessThanOrEqual(frames * SEALED);
      const opened = await open(sealed.subarray(start, end), size, range);
      expect(opened.equals(plaintext.subarray(range.start, range.end))).toBe(true);
    }),
    { numRuns: 60 },
  );
});
