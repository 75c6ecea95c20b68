import { defineErrors } from '../../core/http/app-error.ts';

export const aiError = defineErrors({
  file_not_found: { status: 404, title: 'There is no such file' },
  not_a_file: { status: 409, title: 'This is a folder; it has no content to analyse' },
});
