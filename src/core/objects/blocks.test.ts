import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { readBlocks } from './blocks.ts';

const bytes = new Uint8Array(randomBytes(1_000));
const streamOf = (chunks: readonly Uint8Array[]) => ReadableStream.from(chunks) as ReadableStream<Uint8Array>;

test.each([[1], [7], [300], [1_000], [0, 999, 0, 1]])(
  'a body that comes in chunks of %j is read in blocks of one size, and a rest',
  async (...sizes) => {
    const chunks: Uint8Array[] = [];
    for (let at = 0, index = 0; at < bytes.byteLength; index += 1) {
      const size = sizes[index % sizes.length] ?? 1;
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    const blocks = readBlocks(streamOf(chunks), 300);
    const found = [];
    for (let block = await blocks.next(); block; block = await blocks.next()) found.push(block);
    expect(found.map((block) => block.byteLength)).toEqual([300, 300, 300, 100]);
    expect(Buffer.concat(found).equals(bytes)).toBe(true);
  },
);

test('a body that hangs ends in an error, and its source is told', async () => {
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const blocks = readBlocks(body, 600, 20);
  expect((await blocks.next())?.byteLength).toBe(600);
  await expect(blocks.next()).rejects.toThrow('no block within 20 ms');
  await blocks.cancel('hung');
  expect(cancelled).toBe('hung');
});
