/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MIB = 1024 * 1024;
export const MAX_PARTS = 10_000;
export const MIN_PART_BYTES = 5 * MIB;
export const MAX_OBJECT_BYTES = 5 * 1024 * 1024 * MIB;

const USUAL_PART_BYTES = 16 * MIB;

/** Of an upload straight to the store, which costs nobody memory here: whole MiB, as few as suffice. */
export function partBytesFor(size: number): number {
  return Math.max(USUAL_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/** An empty file has no part to be sent. */
export function partCount(size: number, partBytes: number): number {
  return Math.ceil(size / partBytes);
}

/** Of part `number`, from 1; the last one is the rest. */
export function partSize(size: number, partBytes: number, number: number): number {
  return Math.min(partBytes, size - (number - 1) * partBytes);
}

/** TUS: a part goes through memory here, so it is as small as may be; a thousand numbers are left for writers that die. */
export const TUS_MAX_BYTES = 9_000 * 16 * MIB;
const TUS_PARTS = 9_000;
const TUS_UNKNOWN_BYTES = 8 * MIB;

/** @param size null when it is not known yet */
export function tusPartBytes(size: number | null): number {
  return size === null
    ? TUS_UNKNOWN_BYTES
    : Math.max(MIN_PART_BYTES, Math.ceil(size / TUS_PARTS / MIB) * MIB);
}

/** What an upload in parts of this size can hold. */
export function tusCapacity(partBytes: number): number {
  return TUS_PARTS * partBytes;
}
