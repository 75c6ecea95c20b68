import { createHash } from 'node:crypto';
import { pick } from '../../tests/e2e/harness/seeded.ts';

/** Sizes of files in real drives: 84 % below 1 MB, 12.5 % to 10 MB, 3 % to 100 MB, the rest above. */
const SIZES = [
  { share: 0.84, from: 1_000, to: 1_000_000 },
  { share: 0.125, from: 1_000_000, to: 10_000_000 },
  { share: 0.03, from: 10_000_000, to: 100_000_000 },
  { share: 0.005, from: 100_000_000, to: 150_000_000 },
];
/** Ten reads to a write. */
const OPERATIONS = { write: 1, read: 6, list: 2, describe: 2, search: 1 };
export type Operation = keyof typeof OPERATIONS;
export const OPERATION_NAMES: readonly Operation[] = ['write', 'read', 'list', 'describe', 'search'];

const PATTERN_BYTES = 1024 * 1024;
export const WORDS = [
  'harbour',
  'invoice',
  'orchard',
  'telescope',
  'glacier',
  'contract',
  'recipe',
  'violin',
];

export function nextOperation(random: () => number): Operation {
  let left = random() * Object.values(OPERATIONS).reduce((sum, weight) => sum + weight, 0);
  for (const name of OPERATION_NAMES) {
    left -= OPERATIONS[name];
    if (left < 0) return name;
  }
  return 'read';
}

/** In bytes; within a class small ones are as much more frequent as they are in drives (log-uniform). */
export function nextSize(random: () => number): number {
  let left = random();
  for (const { share, from, to } of SIZES) {
    left -= share;
    if (left < 0) return Math.round(from * (to / from) ** random());
  }
  return SIZES[0]?.from ?? 1;
}

export interface Content {
  readonly size: number;
  readonly sha256: string;
  chunks(): Generator<Uint8Array>;
}

/** Bytes of which no two files have the same, made as they are sent. Small ones are text, which can be found. */
export function makeContent(random: () => number, size: number): Content {
  const pattern = Buffer.alloc(PATTERN_BYTES);
  if (size < 20_000) pattern.fill(`${Array.from({ length: 40 }, () => pick(random, WORDS)).join(' ')}\n`);
  else for (let at = 0; at < pattern.length; at += 4) pattern.writeUInt32LE(random() * 2 ** 32, at);
  function* chunks() {
    for (let left = size; left > 0; left -= PATTERN_BYTES)
      yield pattern.subarray(0, Math.min(left, PATTERN_BYTES));
  }
  const hash = createHash('sha256');
  for (const chunk of chunks()) hash.update(chunk);
  return { size, sha256: hash.digest('hex'), chunks };
}
