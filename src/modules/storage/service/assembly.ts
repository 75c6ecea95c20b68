import { digestOf } from '../../../core/objects/digest.ts';
import { ObjectRefusedError } from '../../../core/objects/object-store.ts';
import type { UploadedPart, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { Upload } from '../ports/uploads.ts';
import type { UploadMachine } from './uploads.ts';

export interface AssemblyDependencies {
  readonly vault: Vault;
  readonly uploads: UploadMachine;
}

/** Up to so many bytes are read once more before the version is there, so that its digest is known from the beginning. */
const DIGEST_BYTES = 64 * 1024 * 1024;

export type Assembly = ReturnType<typeof createAssembly>;

/** From parts in the store to a version. Every step may be repeated, by several at once too. */
export function createAssembly({ vault, uploads }: AssemblyDependencies) {
  /** Whether an earlier try has made the parts an object. */
  async function isAssembled({ object }: Upload, size: number): Promise<boolean> {
    const answer = await vault.get({ ...object, size }, size > 0 ? { range: 'bytes=0-0' } : {});
    await answer?.body?.cancel();
    if (answer === undefined) return false;
    const total = answer.headers.get('content-range')?.split('/')[1] ?? answer.headers.get('content-length');
    return Number(total) === size;
  }

  /** S3 makes nothing of no parts: of an empty file there is one, empty too. */
  async function partsOf({ object }: Upload, storeUploadId: string, size: number) {
    const parts = await vault.parts(object, storeUploadId);
    if (size > 0 || parts?.length !== 0) return parts;
    const empty = { number: 1, offset: 0, size: 0, last: true, body: new Uint8Array() };
    return [await vault.putPart(object, storeUploadId, empty)];
  }

  return {
    isAssembled,
    /**
     * @param choose of the parts that the store has, those that make the whole; may refuse
     * @throws AppError the upload being active still, but for a wrong digest and for bytes that are gone
     */
    async finish(
      upload: Upload,
      size: number,
      choose: (parts: readonly UploadedPart[]) => readonly UploadedPart[],
    ): Promise<{ readonly fileId: string; readonly versionId: string }> {
      const { object, storeUploadId, announcedSha256 } = upload;
      if (storeUploadId === null) throw new Error(`${upload.id} has no parts`);
      const parts = await partsOf(upload, storeUploadId, size);
      if (parts !== undefined) await vault.complete(object, storeUploadId, choose(parts)).catch(refuse);
      else if (!(await isAssembled(upload, size))) {
        await uploads.abort(upload.id, 'upload_expired');
        throw storageError('upload_expired', {
          detail: 'The object store does not have its bytes any more.',
        });
      }
      const stored = size <= DIGEST_BYTES ? await vault.get({ ...object, size }) : undefined;
      const sha256 = stored?.body ? await digestOf(stored.body) : null;
      if (announcedSha256 !== null && sha256 !== null && sha256 !== announcedSha256) {
        await uploads.abort(upload.id, 'digest_mismatch');
        throw storageError('digest_mismatch', { detail: 'Nothing of it was kept: begin again.' });
      }
      return uploads.finish(upload, { size, sha256 });
    },
  };
}

function refuse(error: unknown): never {
  if (error instanceof ObjectRefusedError) {
    if (error.reason === 'part_missing' || error.reason === 'no_upload')
      throw storageError('part_missing', { cause: error });
    if (error.reason === 'part_too_small') throw storageError('part_size', { cause: error });
  }
  throw error;
}
