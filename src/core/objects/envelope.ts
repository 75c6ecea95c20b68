import { type Blocks, readBlocks } from './blocks.ts';

/**
 * The format of an object under `envelope` (docs/decisions/0017), for anything with WebCrypto.
 *
 * The plaintext is cut into frames of FRAME_BYTES; only the last one may be shorter, and an empty object is one empty
 * frame. A sealed frame is `nonce (12) | ciphertext | tag (16)`, AES-256-GCM under the object's own key. What is
 * authenticated besides says which frame it is: `acs-envelope-1 {object id} {index} {more|last}`. A frame that was
 * changed, moved, left out, added, or taken from another object does not open. Frames lie one after the other, so
 * that sizes and places follow from the size of the plaintext.
 */
export const FRAME_BYTES = 256 * 1024;
export const NONCE_BYTES = 12;
export const FRAME_OVERHEAD_BYTES = NONCE_BYTES + 16;
const SEALED_FRAME_BYTES = FRAME_BYTES + FRAME_OVERHEAD_BYTES;
const DATA_KEY_BYTES = 32;
/** Nothing of a frame came for so long: the store hangs. */
const IDLE_MS = 30_000;

/** The key of one object, ready for use. */
export type DataKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export interface FramePlace {
  /** Of the object. */
  readonly id: string;
  readonly index: number;
  readonly last: boolean;
}

/** Bytes of the plaintext, from `start` up to but not including `end`. */
export interface PlainRange {
  readonly start: number;
  readonly end: number;
}

/** A sealed object that was changed, cut off or mixed up. */
export class EnvelopeError extends Error {
  override name = 'EnvelopeError';
}

/** Base64 of 32 random bytes. */
export function newDataKey(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(DATA_KEY_BYTES))));
}

export function importDataKey(base64: string): Promise<DataKey> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (bytes.byteLength !== DATA_KEY_BYTES) throw new EnvelopeError('a data key has 32 bytes');
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

export function frameCount(size: number): number {
  return Math.max(1, Math.ceil(size / FRAME_BYTES));
}

/** Bytes in the bucket of so many bytes that begin at a frame and end at one, or with the object. */
export function sealedSize(size: number): number {
  return size + frameCount(size) * FRAME_OVERHEAD_BYTES;
}

/** The other way round. */
export function plainSize(sealed: number): number {
  return sealed - Math.max(1, Math.ceil(sealed / SEALED_FRAME_BYTES)) * FRAME_OVERHEAD_BYTES;
}

/** Where the frames that hold this range lie in the bucket, `end` exclusive. */
export function sealedRange(range: PlainRange, size: number): PlainRange {
  const frames = framesOf(range);
  return {
    start: frames.first * SEALED_FRAME_BYTES,
    end: Math.min((frames.last + 1) * SEALED_FRAME_BYTES, sealedSize(size)),
  };
}

/**
 * The nonce is random, not counted: a part of an upload may be sent twice with different bytes, and a counter would
 * then seal both under one nonce. Only the place is counted, in what is authenticated.
 */
export async function sealFrame(
  key: DataKey,
  place: FramePlace,
  plaintext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = new Uint8Array(plaintext.byteLength + FRAME_OVERHEAD_BYTES);
  sealed.set(nonce);
  const ciphertext = await crypto.subtle.encrypt(parameters(nonce, place), key, plaintext);
  sealed.set(new Uint8Array(ciphertext), NONCE_BYTES);
  // Given back now rather than when the garbage collector comes round.
  ciphertext.transfer(0);
  return sealed;
}

/** @throws EnvelopeError when this is not the frame of this place. */
export async function openFrame(
  key: DataKey,
  place: FramePlace,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    return new Uint8Array(
      await crypto.subtle.decrypt(parameters(nonce, place), key, sealed.subarray(NONCE_BYTES)),
    );
  } catch (error) {
    throw new EnvelopeError(`frame ${place.index} of ${place.id} does not open`, { cause: error });
  }
}

/**
 * The plaintext of `range`, one frame after the other, from a body of its sealed frames (`sealedRange`). Each is read
 * while the one before is opened and used; two are in memory. Ends early or with an error: the body is cancelled.
 * @param size of the whole plaintext, bytes
 * @throws EnvelopeError on the first frame that is not what it should be, or missing
 */
export async function* decryptFrames(
  body: ReadableStream<Uint8Array>,
  key: DataKey,
  object: { readonly id: string; readonly size: number },
  range: PlainRange = { start: 0, end: object.size },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { first, last } = framesOf(range);
  const end = frameCount(object.size) - 1;
  const blocks = readBlocks(body, SEALED_FRAME_BYTES, IDLE_MS);
  try {
    let reading = ahead(blocks);
    for (let index = first; index <= last; index += 1) {
      const sealed = await reading;
      const expected = Math.min(FRAME_BYTES, object.size - index * FRAME_BYTES) + FRAME_OVERHEAD_BYTES;
      if (sealed?.byteLength !== expected)
        throw new EnvelopeError(`${object.id} is cut off in frame ${index}`);
      reading = ahead(blocks);
      const plaintext = await openFrame(key, { id: object.id, index, last: index === end }, sealed);
      const offset = index * FRAME_BYTES;
      yield plaintext.subarray(Math.max(0, range.start - offset), Math.min(FRAME_BYTES, range.end - offset));
    }
    if (await reading) throw new EnvelopeError(`${object.id} has bytes behind its end`);
  } finally {
    await blocks.cancel(new Error('done')).catch(() => undefined);
  }
}

function ahead(blocks: Blocks): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reading = blocks.next();
  // Met at the next turn; until then it must not count as unhandled.
  reading.catch(() => undefined);
  return reading;
}

function framesOf({ start, end }: PlainRange): { first: number; last: number } {
  const first = Math.floor(start / FRAME_BYTES);
  return { first, last: Math.max(first, Math.ceil(end / FRAME_BYTES) - 1) };
}

function parameters(iv: Uint8Array<ArrayBuffer>, { id, index, last }: FramePlace) {
  const place = `acs-envelope-1 ${id} ${index} ${last ? 'last' : 'more'}`;
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(place) };
}
