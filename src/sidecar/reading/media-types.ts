import type { SupportedFileType } from 'officeparser';
import { SkippedError, UnreadableError } from './document.ts';

const MICROSOFT = 'application/vnd.openxmlformats-officedocument';
const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument';

/** Office documents that are read, and what their reader calls them. */
export const officeTypes: ReadonlyMap<string, SupportedFileType> = new Map([
  [`${MICROSOFT}.wordprocessingml.document`, 'docx'],
  [`${MICROSOFT}.wordprocessingml.template`, 'docx'],
  ['application/vnd.ms-word.document.macroenabled.12', 'docx'],
  [`${MICROSOFT}.spreadsheetml.sheet`, 'xlsx'],
  [`${MICROSOFT}.spreadsheetml.template`, 'xlsx'],
  ['application/vnd.ms-excel.sheet.macroenabled.12', 'xlsx'],
  [`${MICROSOFT}.presentationml.presentation`, 'pptx'],
  [`${MICROSOFT}.presentationml.slideshow`, 'pptx'],
  [`${MICROSOFT}.presentationml.template`, 'pptx'],
  ['application/vnd.ms-powerpoint.presentation.macroenabled.12', 'pptx'],
  [`${OPEN_DOCUMENT}.text`, 'odt'],
  [`${OPEN_DOCUMENT}.text-template`, 'odt'],
  [`${OPEN_DOCUMENT}.spreadsheet`, 'ods'],
  [`${OPEN_DOCUMENT}.spreadsheet-template`, 'ods'],
  [`${OPEN_DOCUMENT}.presentation`, 'odp'],
  [`${OPEN_DOCUMENT}.presentation-template`, 'odp'],
  [`${OPEN_DOCUMENT}.graphics`, 'odg'],
  ['application/epub+zip', 'epub'],
  ['application/rtf', 'rtf'],
]);

/** Archives whose entries are listed. */
export const archiveTypes: ReadonlySet<string> = new Set([
  'application/zip',
  'application/java-archive',
  'application/vnd.android.package-archive',
  'application/x-tar',
  'application/gzip',
]);

/** An Office document that is encrypted as a whole is a compound file with the document in a stream (MS-OFFCRYPTO). */
export const ENCRYPTED_OFFICE = 'application/x-encrypted-office';
export const COMPOUND_FILE = 'application/x-cfb';

const LEGACY: ReadonlyMap<string, string> = new Map([
  ['application/msword', 'Word (.doc)'],
  ['application/vnd.ms-excel', 'Excel (.xls)'],
  ['application/vnd.ms-powerpoint', 'PowerPoint (.ppt)'],
  ['application/vnd.ms-outlook', 'Outlook (.msg)'],
  [COMPOUND_FILE, 'Office'],
]);

const PROGRAM =
  /^application\/(?:x-(?:elf|executable|sharedlib|object|msdownload|mach-binary|ms-dos-executable|dosexec)|vnd\.microsoft\.portable-executable|wasm|java-vm)$/;

/** Why nothing is read of a file of this type. */
export function refusalOf(contentType: string): SkippedError | UnreadableError {
  if (contentType === ENCRYPTED_OFFICE)
    return new UnreadableError('The document is encrypted; it needs a password to be read.');
  const legacy = LEGACY.get(contentType);
  if (legacy !== undefined)
    return new SkippedError(
      `The file is in the old binary format of ${legacy}, which is not read. Saved in a newer format, it can be.`,
    );
  if (PROGRAM.test(contentType)) return new SkippedError('The file is a program, not a document.');
  return new SkippedError(
    contentType === 'application/octet-stream'
      ? 'The file is in no known document format.'
      : `${contentType} is not a readable document type yet.`,
  );
}
