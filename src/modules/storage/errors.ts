import { defineErrors } from '../../core/http/app-error.ts';

export const storageError = defineErrors({
  file_not_found: { status: 404, title: 'There is no such file' },
  folder_not_found: { status: 404, title: 'There is no such folder' },
  version_not_found: { status: 404, title: 'There is no such version' },
  not_a_file: { status: 409, title: 'This is a folder; it has no content' },
  name_conflict: { status: 409, title: 'There is something of this name in the folder' },
  folder_cycle: { status: 409, title: 'A folder cannot be moved into itself' },
  precondition_failed: { status: 412, title: 'The file has changed since' },
  file_too_large: { status: 413, title: 'The file is too large' },
  length_required: { status: 411, title: 'The length of the body has to be known' },
  digest_mismatch: { status: 422, title: 'The bytes do not have the announced digest' },
  upload_incomplete: { status: 400, title: 'The upload ended early' },
  range_not_satisfiable: { status: 416, title: 'The range is outside of the file' },
  invalid_multipart: { status: 400, title: 'The multipart body has no file' },
});
