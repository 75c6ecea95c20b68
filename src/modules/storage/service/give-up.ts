import type { Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { Upload } from '../ports/uploads.ts';
import type { UploadMachine } from './uploads.ts';

/** A part, or the assembly of all, may still be on its way when an upload ends. */
export const BYTES_MAY_COME_SECONDS = 20 * 60;

/** Ends an upload in parts at its user's wish; what fails at the store is done by the upkeep. */
export async function giveUp(
  { uploads, vault }: { readonly uploads: UploadMachine; readonly vault: Vault },
  { id, object, storeUploadId }: Upload,
): Promise<void> {
  if (!(await uploads.abort(id, 'aborted', BYTES_MAY_COME_SECONDS)))
    throw storageError('upload_not_found', { detail: 'It has ended already.' });
  if (storeUploadId !== null) await vault.abort(object, storeUploadId).catch(() => undefined);
}
