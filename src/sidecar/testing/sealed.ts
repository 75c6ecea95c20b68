import type { ObjectDecryption } from '../../contracts/sidecar.ts';
import {
  FRAME_BYTES,
  frameCount,
  importDataKey,
  newDataKey,
  sealFrame,
} from '../../core/objects/envelope.ts';

/** An object as it lies in the bucket under `envelope`, and what opens it. */
export async function seal(
  plaintext: Uint8Array,
): Promise<{ sealed: Uint8Array; decryption: ObjectDecryption }> {
  const decryption = { key: newDataKey(), id: 'ver_1' };
  const key = await importDataKey(decryption.key);
  const count = frameCount(plaintext.byteLength);
  const frames = Array.from({ length: count }, (_, index) =>
    sealFrame(
      key,
      { id: decryption.id, index, last: index === count - 1 },
      new Uint8Array(plaintext.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES)),
    ),
  );
  return { sealed: Buffer.concat(await Promise.all(frames)), decryption };
}
