import { readFile } from 'node:fs/promises';
import { type OfficeMetadata, OfficeParser, type SupportedFileType } from 'officeparser';
import type { ReadingLimits } from '../../limits.ts';
import { type ExtractedText, keywordsOf, line, UnreadableError } from '../document.ts';
import { officeTypes } from '../media-types.ts';
import { type PackageParts, repack, unpackParts } from '../package-parts.ts';
import { cutWorkbook } from './cut-workbook.ts';
import { describeContent } from './office-text.ts';

/** The parts that carry text or properties; pictures and embedded files stay packed. */
const TEXT_PARTS = /(?:\.(?:xml|rels|opf|ncx|x?html?)|(?:^|\/)mimetype)$/i;

/**
 * Office documents and e-books. Sheets and slides are the pages of theirs.
 * @throws UnreadableError
 */
export async function readOffice(
  path: string,
  contentType: string,
  limits: ReadingLimits,
): Promise<ExtractedText> {
  const fileType = officeTypes.get(contentType);
  if (fileType === undefined) throw new Error(`${contentType} is no office document`);
  const { bytes, isCut } = await checkedBytes(path, fileType, limits);
  const { content, metadata, auxiliary } = await parse(bytes, fileType);
  const around = [...(auxiliary?.headers ?? []), ...(auxiliary?.footers ?? [])];
  const described = describeContent([...content, ...around], limits);
  return {
    ...described,
    metadata: { ...propertiesOf(metadata), ...described.metadata },
    ...(isCut ? { truncated: 'Only the first rows of the workbook were read: it is very large.' } : {}),
  };
}

async function checkedBytes(path: string, fileType: string, limits: ReadingLimits) {
  if (fileType === 'rtf') return { bytes: await readFile(path), isCut: false };
  const parts = unpackParts(path, TEXT_PARTS, limits.zip);
  if (isEncrypted(parts))
    throw new UnreadableError('The document is encrypted; it needs a password to be read.');
  const cut = fileType === 'xlsx' ? cutWorkbook(parts) : { parts, isCut: false };
  return { bytes: repack(cut.parts), isCut: cut.isCut };
}

/** OpenDocument and EPUB say in a part of their own which other parts are encrypted. */
function isEncrypted(parts: PackageParts): boolean {
  const manifest = parts.get('META-INF/manifest.xml');
  return (
    (manifest !== undefined && Buffer.from(manifest).includes('encryption-data')) ||
    // Fonts alone are often obfuscated, which keeps nobody from reading the text.
    Buffer.from(parts.get('META-INF/encryption.xml') ?? []).includes('html"')
  );
}

async function parse(bytes: Buffer, fileType: SupportedFileType) {
  try {
    return await OfficeParser.parseOffice(bytes, {
      fileType,
      ocr: false,
      extractAttachments: false,
      ignoreSlideMasters: true,
    });
  } catch (error) {
    throw new UnreadableError('The document is damaged, or not what its beginning says.', { cause: error });
  }
}

function propertiesOf(found: OfficeMetadata): ExtractedText['metadata'] {
  const native = found.nativeProperties ?? {};
  const keywords = keywordsOf(found.keywords);
  const pages = found.pages ?? Number(native.Pages);
  return {
    ...line('title', found.title),
    ...line('subject', found.subject),
    ...line('author', found.author ?? native['meta:initial-creator']),
    ...line('application', native.Application ?? native['meta:generator'] ?? native.generator),
    ...(keywords.length === 0 ? {} : { keywords }),
    ...dateOf('createdAt', found.created),
    ...dateOf('modifiedAt', found.modified),
    ...(Number.isSafeInteger(pages) && pages > 0 ? { pages } : {}),
  };
}

function dateOf(key: 'createdAt' | 'modifiedAt', date: Date | undefined): ExtractedText['metadata'] {
  return date === undefined || Number.isNaN(date.getTime()) ? {} : { [key]: date.toISOString() };
}
