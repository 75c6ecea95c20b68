import {
  type DataKey,
  decryptFrames,
  EnvelopeError,
  FRAME_BYTES,
  importDataKey,
  type PlainRange,
  sealedRange,
  sealedSize,
  sealFrame,
} from './envelope.ts';
import { fixedLengthPipe, writeAway } from './fixed-length.ts';
import type { ObjectStore } from './object-store.ts';
import { type Bodies, sha256OfBytes, whole } from './plain-vault.ts';
import { parseRange, unsatisfiable } from './range.ts';
import { transfer } from './transfer.ts';
import type { NewObject, NewPart, StoredObject } from './vault.ts';

/** Told of an object that turned out to be damaged while it was read; the reader's body has ended in an error. */
export type OnDamage = (object: StoredObject, error: EnvelopeError) => void;

/** The bucket holds frames sealed under the object's own key (envelope.ts). */
export function createEnvelopeBodies(
  store: ObjectStore,
  keyOf: (object: NewObject) => Promise<string>,
  onDamage: OnDamage = () => undefined,
): Bodies {
  const open = async (object: NewObject) => importDataKey(await keyOf(object));

  return {
    async put(object, body, options) {
      const key = await open(object);
      // The store sees ciphertext and cannot compare the plaintext's digest.
      const { sha256: announced, ...settings } = { ...options, size: sealedSize(options.size) };
      const seal = sealer(key, object.id, { offset: 0, last: true });
      if (body instanceof Uint8Array) {
        const sha256 = await sha256OfBytes(body, options);
        await store.put(object.key, await sealBytes(body, seal), settings);
        return { sha256 };
      }
      const moving = transfer(body, {
        size: options.size,
        sha256: announced,
        blockBytes: FRAME_BYTES,
        seal: { size: settings.size, block: seal },
      });
      return { sha256: await whole(moving, store.put(object.key, moving.body, settings)) };
    },
    async get(object, { range, signal } = {}) {
      const wanted = range === undefined ? undefined : parseRange(range, object.size);
      if (wanted === 'unsatisfiable') return unsatisfiable(object.size);
      const plain = wanted ?? { start: 0, end: object.size };
      const sealed = sealedRange(plain, object.size);
      const answer = await store.get(object.key, {
        ...(wanted ? { range: `bytes=${sealed.start}-${sealed.end - 1}` } : {}),
        ...(signal ? { signal } : {}),
      });
      if (answer === undefined) return undefined;
      const { body } = answer;
      if (body === null || !isWhatWasAsked(answer, object, wanted && sealed)) {
        await body?.cancel();
        throw new EnvelopeError(`${object.id} has not the size that it should have`);
      }
      const frames = decryptFrames(body, await open(object), object, plain);
      const pipe = fixedLengthPipe(plain.end - plain.start);
      // Has no end that anybody waits for: a failure is the reader's, who gets it through the body.
      void deliver(frames, pipe.writable, (error) => onDamage(object, error));
      return new Response(pipe.readable, answerOf(answer, object, plain, wanted !== undefined));
    },
    presignGet: () => Promise.resolve(undefined),
    async putPart(object, uploadId, part) {
      assertAligned(part);
      const key = await open(object);
      const seal = sealer(key, object.id, part);
      const { number, signal } = part;
      const size = sealedSize(part.size);
      const send = (body: NewPart['body']) =>
        store.multipart.putPart(object.key, uploadId, { number, size, body, ...(signal ? { signal } : {}) });
      if (part.body instanceof Uint8Array) {
        await sha256OfBytes(part.body, { size: part.size });
        return { number, etag: await send(await sealBytes(part.body, seal)), size };
      }
      const settings = { size: part.size, blockBytes: FRAME_BYTES, seal: { size, block: seal } };
      const moving = transfer(part.body, settings);
      const sending = send(moving.body);
      await whole(moving, sending);
      return { number, etag: await sending, size };
    },
    presignPart: () => Promise.resolve(undefined),
  };
}

type Seal = (
  block: Uint8Array<ArrayBuffer>,
  index: number,
  isEnd: boolean,
) => Promise<Uint8Array<ArrayBuffer>>;

function sealer(key: DataKey, id: string, { offset, last }: Pick<NewPart, 'offset' | 'last'>): Seal {
  const first = offset / FRAME_BYTES;
  return (block, index, isEnd) => sealFrame(key, { id, index: first + index, last: last && isEnd }, block);
}

/** In memory, so that they can be sent again. */
async function sealBytes(bytes: Uint8Array, seal: Seal): Promise<Uint8Array> {
  const sealed = new Uint8Array(sealedSize(bytes.byteLength));
  let filled = 0;
  for (let start = 0, index = 0; start < bytes.byteLength || index === 0; start += FRAME_BYTES, index += 1) {
    const frame = await seal(
      bytes.slice(start, start + FRAME_BYTES),
      index,
      start + FRAME_BYTES >= bytes.byteLength,
    );
    sealed.set(frame, filled);
    filled += frame.byteLength;
  }
  return sealed;
}

function assertAligned({ offset, size, last }: NewPart): void {
  const ends = last ? size > 0 || offset === 0 : size > 0 && size % FRAME_BYTES === 0;
  if (offset % FRAME_BYTES !== 0 || !ends) throw new RangeError('a part has to begin and end with a frame');
}

/** The length of the whole is part of what is sealed: a shorter or longer object is refused before it is read. */
function isWhatWasAsked(answer: Response, { size }: StoredObject, sealed: PlainRange | undefined): boolean {
  if (sealed === undefined)
    return answer.status === 200 && answer.headers.get('content-length') === String(sealedSize(size));
  const range = `bytes ${sealed.start}-${sealed.end - 1}/${sealedSize(size)}`;
  return answer.status === 206 && answer.headers.get('content-range') === range;
}

function answerOf(answer: Response, { size }: StoredObject, { start, end }: PlainRange, isPart: boolean) {
  const headers = new Headers({ 'accept-ranges': 'bytes', 'content-length': String(end - start) });
  for (const name of ['content-type', 'last-modified']) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (isPart) headers.set('content-range', `bytes ${start}-${end - 1}/${size}`);
  return { status: isPart ? 206 : 200, headers };
}

/** A reader who goes away ends the frames, and they their source; frames that fail end the reader's body. */
async function deliver(
  frames: AsyncIterable<Uint8Array<ArrayBuffer>>,
  writable: WritableStream<Uint8Array>,
  onDamage: (error: EnvelopeError) => void,
): Promise<void> {
  const writer = writable.getWriter();
  try {
    for await (const frame of frames) await writeAway(writer, frame);
    await writer.close();
  } catch (error) {
    if (error instanceof EnvelopeError) onDamage(error);
    await writer.abort(error).catch(() => undefined);
  }
}
