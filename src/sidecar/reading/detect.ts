import { closeSync, openSync, readSync } from 'node:fs';
import { fileTypeFromFile } from 'file-type';
import { listZip, ZipError } from '../zip.ts';
import { decodeText, looksLikeText } from './decode.ts';
import { detectTextType } from './detect-text.ts';
import { UnreadableError } from './document.ts';
import { COMPOUND_FILE, ENCRYPTED_OFFICE } from './media-types.ts';
import { peekEntry, withZipFile } from './package-parts.ts';

/** Names of streams in a compound file (MS-COMPOUND_FILE), which all Office formats of before 2007 are, and encrypted ones. */
const COMPOUND: readonly (readonly [string, string])[] = [
  ['EncryptedPackage', ENCRYPTED_OFFICE],
  ['WordDocument', 'application/msword'],
  ['Workbook', 'application/vnd.ms-excel'],
  ['PowerPoint Document', 'application/vnd.ms-powerpoint'],
  ['__properties_version1.0', 'application/vnd.ms-outlook'],
];
const BLOCK_BYTES = 1_048_576;
/** Of an Office package's part, in `[Content_Types].xml`: what is behind it is the media type of the document. */
const MAIN_PART = /ContentType="(application\/vnd\.[\w.+-]{1,150}?)\.main\+xml"/i;

/** Media type by content. The name only tells apart kinds of text that look alike. */
export async function detectType(path: string, head: Uint8Array, name: string): Promise<string> {
  const magic = await fileTypeFromFile(path).catch(() => undefined);
  if (magic?.mime === COMPOUND_FILE) return detectCompound(path);
  if (magic?.mime === 'application/zip') return detectPackage(path);
  // XML is a family: which member it is shows below.
  if (magic && magic.mime !== 'application/xml' && !isTextByChance(magic.mime, head)) return magic.mime;
  if (!looksLikeText(head)) return 'application/octet-stream';
  return detectTextType(decodeText(head.subarray(0, 4_096)), name);
}

/** Formats with a signature that are text themselves. */
const TEXTUAL = /^(?:application\/(?:pdf|rtf|eps|postscript|pgp-.*)|text\/.*|model\/.*)$/;

/** "The freezer" has the four letters of a film at its fifth byte; no film is without a zero, or all of letters. */
function isTextByChance(mime: string, head: Uint8Array): boolean {
  return !TEXTUAL.test(mime) && !head.includes(0) && looksLikeText(head);
}

/** An archive whose first entries do not say what it is: its directory, and what it says of itself, may. */
function detectPackage(path: string): string {
  try {
    return withZipFile(path, (source) => {
      const entries = listZip(source, {
        entries: 100_000,
        uncompressedBytes: Number.MAX_SAFE_INTEGER,
        ratio: 1e9,
      });
      const main = MAIN_PART.exec(peekEntry(source, entries, '[Content_Types].xml') ?? '')?.[1];
      const own = peekEntry(source, entries, 'mimetype')?.trim();
      const known = own !== undefined && /^application\/[\w.+-]{1,100}$/.test(own) ? own : undefined;
      return main ?? known ?? 'application/zip';
    });
  } catch (error) {
    if (error instanceof ZipError || error instanceof UnreadableError) return 'application/zip';
    throw error;
  }
}

/** The names of streams are UTF-16 in a directory that may be anywhere in the file. */
function detectCompound(path: string): string {
  const file = openSync(path, 'r');
  try {
    const names = COMPOUND.map(([name]) => Buffer.from(name, 'utf16le'));
    const found = new Set<number>();
    const buffer = Buffer.alloc(BLOCK_BYTES);
    // Blocks overlap, so that no name is cut in two.
    for (let at = 0; ; at += BLOCK_BYTES - 128) {
      const block = buffer.subarray(0, readSync(file, buffer, 0, BLOCK_BYTES, at));
      for (const [index, name] of names.entries()) if (block.includes(name)) found.add(index);
      if (block.length < BLOCK_BYTES) break;
    }
    return COMPOUND.find((_, index) => found.has(index))?.[1] ?? COMPOUND_FILE;
  } finally {
    closeSync(file);
  }
}
