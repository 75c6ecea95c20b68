import { storageError } from '../errors.ts';
import { ROLES, rankOf } from '../ports/actor.ts';
import type { OwnUpload } from '../ports/upload-parts.ts';
import type { Upload, UploadDoor } from '../ports/uploads.ts';
import { roleRequired } from './roles.ts';

/** The upload as its user may know of it. @throws AppError upload_not_found, upload_expired, digest_mismatch */
export function known(found: OwnUpload | undefined, door?: UploadDoor): Upload {
  if (found === undefined || (door !== undefined && found.upload.door !== door))
    throw storageError('upload_not_found');
  const { upload, isExpired } = found;
  if (isExpired || upload.reason === 'upload_expired') throw storageError('upload_expired');
  if (upload.reason === 'digest_mismatch') throw storageError('digest_mismatch');
  if (upload.state === 'aborted') throw storageError('upload_not_found');
  return upload;
}

/** The same, for whoever wants to go on with it: the right to write there may be gone by now. */
export function writable(found: OwnUpload | undefined, door: UploadDoor): Upload {
  const upload = known(found, door);
  if (upload.state === 'active' && (found?.rank ?? 0) < rankOf('editor')) {
    const role = ROLES[(found?.rank ?? 0) - 1];
    if (role !== undefined) throw roleRequired('editor', role);
    throw storageError(upload.targetId === null ? 'folder_not_found' : 'file_not_found');
  }
  return upload;
}
