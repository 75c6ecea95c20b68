import { BLOCK_BYTES, digestOf, sha256Hex } from './digest.ts';
import { ObjectRefusedError, type ObjectStore, type StoreEncryption } from './object-store.ts';
import { unsatisfiable } from './range.ts';
import { transfer } from './transfer.ts';
import type { NewObject, Vault, VaultPutOptions } from './vault.ts';

/** What the kinds of encryption do differently. */
export type Bodies = Pick<Vault, 'put' | 'get' | 'presignGet' | 'putPart' | 'presignPart'>;

/** The bucket holds plaintext as far as we are concerned; what the store encrypts it with is its own affair. */
export function createPlainBodies(
  store: ObjectStore,
  encryptionOf: (object: NewObject) => StoreEncryption | undefined,
): Bodies {
  // Older stores take a checksum header and do not look at it. Once one was found out, the digest is computed here.
  let storeChecksDigests = true;

  /** The bytes of a store that does not check are read back. */
  const confirm = async ({ key }: NewObject, sha256: string) => {
    const answer = await store.get(key);
    if (answer?.body && (await digestOf(answer.body)) === sha256) return;
    await store.delete(key);
    throw new ObjectRefusedError('digest_mismatch', 'the bytes have another SHA-256 than announced');
  };

  return {
    async put(object, body, options) {
      const encryption = encryptionOf(object);
      const settings = { ...options, ...(encryption ? { encryption } : {}) };
      if (body instanceof Uint8Array) {
        const sha256 = await sha256OfBytes(body, options);
        await store.put(object.key, body, { ...settings, sha256 });
        return { sha256 };
      }
      if (options.sha256 !== undefined && storeChecksDigests) {
        const { digestChecked } = await store.put(object.key, body, settings);
        storeChecksDigests = digestChecked;
        if (!digestChecked) await confirm(object, options.sha256);
        return { sha256: options.sha256 };
      }
      const moving = transfer(body, { ...options, blockBytes: BLOCK_BYTES });
      return { sha256: await whole(moving, store.put(object.key, moving.body, settings)) };
    },
    async get({ key, size }, options) {
      const answer = await store.get(key, options);
      if (answer?.status !== 416) return answer;
      await answer.body?.cancel();
      return unsatisfiable(size);
    },
    presignGet: ({ key }, { seconds, ...overrides }) => store.presignGet(key, seconds, overrides),
    async putPart({ key }, uploadId, part) {
      const etag = await store.multipart.putPart(key, uploadId, part);
      return { number: part.number, etag, size: part.size };
    },
    presignPart: ({ key }, uploadId, { seconds, ...part }) =>
      store.multipart.presignPart(key, uploadId, part, seconds),
  };
}

/** The digest of a transfer when the store has taken all of it; the transfer's own refusal explains a failure best. */
export async function whole(moving: ReturnType<typeof transfer>, storing: Promise<unknown>): Promise<string> {
  try {
    await storing;
    return await moving.sha256;
  } catch (error) {
    throw moving.refusal() ?? error;
  } finally {
    await moving.stop();
  }
}

/** @throws ObjectRefusedError unless bytes in memory are what was announced. */
export async function sha256OfBytes(
  bytes: Uint8Array,
  announced: Pick<VaultPutOptions, 'size' | 'sha256'>,
): Promise<string> {
  if (bytes.byteLength !== announced.size)
    throw new ObjectRefusedError('incomplete', `${bytes.byteLength} bytes came of ${announced.size}`);
  const sha256 = await sha256Hex(bytes);
  if (announced.sha256 !== undefined && announced.sha256 !== sha256)
    throw new ObjectRefusedError('digest_mismatch', 'the bytes have another SHA-256 than announced');
  return sha256;
}
