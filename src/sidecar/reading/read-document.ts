import { open, readFile, stat } from 'node:fs/promises';
import type { ReadResponse } from '../../contracts/sidecar.ts';
import { chunkText } from '../chunking.ts';
import { isPicture } from '../images.ts';
import type { ReadingLimits } from '../limits.ts';
import { decodeText } from './decode.ts';
import { detectType } from './detect.ts';
import { charactersCut, type ExtractedText, SkippedError, UnreadableError } from './document.ts';
import { detectLanguage } from './language.ts';
import { archiveTypes, officeTypes, refusalOf } from './media-types.ts';
import type { Look } from './pictures/picture.ts';

const HEAD_BYTES = 65_536;

/**
 * Reads one file that is on disk already. Runs inside a reading process.
 * @param onType told the media type before anything is parsed, in case parsing never ends.
 * @param look looks at pictures, where native code cannot harm this process.
 */
export async function readDocument(
  path: string,
  name: string,
  limits: ReadingLimits,
  onType: (contentType: string) => void = () => undefined,
  look: Look = async () => ({ pages: [], end: 'stopped' }),
): Promise<ReadResponse> {
  const { size } = await stat(path);
  const contentType =
    size === 0 ? 'application/x-empty' : await detectType(path, await readStart(path, HEAD_BYTES), name);
  onType(contentType);
  try {
    if (size === 0) throw new SkippedError('The file is empty.');
    return toResponse(contentType, await extract(path, name, contentType, limits, look), limits);
  } catch (error) {
    if (error instanceof SkippedError) return { status: 'skipped', contentType, reason: error.message };
    if (error instanceof UnreadableError) return { status: 'failed', contentType, reason: error.message };
    throw error;
  }
}

async function extract(
  path: string,
  name: string,
  contentType: string,
  limits: ReadingLimits,
  look: Look,
): Promise<ExtractedText> {
  if (contentType.startsWith('text/')) return extractText(path, contentType, limits);
  if (officeTypes.has(contentType))
    return (await import('./formats/office.ts')).readOffice(path, contentType, limits);
  if (archiveTypes.has(contentType))
    return (await import('./formats/archive.ts')).readArchive(path, contentType, name, limits);
  switch (contentType) {
    case 'application/pdf': {
      const { readPdf } = await import('./formats/pdf.ts');
      return readPdf(new Uint8Array(await readFile(path)), limits, look);
    }
    case 'message/rfc822':
      return (await import('./formats/email.ts')).readEmail(path, limits);
    case 'application/json':
    case 'application/xml':
    case 'image/svg+xml':
      return extractText(path, contentType, limits);
    default:
      if (isPicture(contentType))
        return (await import('./formats/image.ts')).readPicture(contentType, limits, look);
      if (isRecording(contentType)) return (await import('./formats/media.ts')).readMedia(path);
      throw refusalOf(contentType);
  }
}

async function extractText(path: string, contentType: string, limits: ReadingLimits): Promise<ExtractedText> {
  // No encoding in use needs more than four bytes for one UTF-16 unit: more could not be kept anyway.
  const mostBytes = limits.characters * 4;
  const content = decodeText(await readStart(path, mostBytes));
  const cut = (await stat(path)).size > mostBytes ? { truncated: charactersCut(limits.characters) } : {};
  return { ...(await readText(content, contentType, limits.characters)), ...cut };
}

async function readText(
  content: string,
  contentType: string,
  mostCharacters: number,
): Promise<ExtractedText> {
  switch (contentType) {
    case 'text/html':
      return (await import('./formats/html.ts')).readHtml(content);
    case 'text/csv':
      return (await import('./formats/table.ts')).readTable(content, ',', mostCharacters);
    case 'text/tab-separated-values':
      return (await import('./formats/table.ts')).readTable(content, '\t', mostCharacters);
    case 'application/json':
      return (await import('./formats/json.ts')).readJson(content, mostCharacters);
    case 'application/xml':
    case 'image/svg+xml':
      return (await import('./formats/xml.ts')).readXml(content);
    default:
      return (await import('./formats/plain-text.ts')).readPlainText(content, contentType);
  }
}

function toResponse(contentType: string, extracted: ExtractedText, limits: ReadingLimits): ReadResponse {
  const tooLong = extracted.text.length > limits.characters;
  // PostgreSQL text holds no NUL, and half a surrogate pair is no text at all.
  const text = extracted.text.slice(0, limits.characters).replaceAll('\0', ' ').toWellFormed();
  const chunks = chunkText(text, extracted.pageStarts);
  if (chunks.length === 0 && !extracted.isReadWithoutText)
    throw new SkippedError('The document has no text in it.');
  const truncated = tooLong ? charactersCut(limits.characters) : extracted.truncated;
  return {
    status: 'read',
    contentType,
    language: extracted.prose === false ? null : detectLanguage(text),
    metadata: { ...extracted.metadata, words: countWords(text), characters: text.length },
    chunks,
    ...(truncated === undefined ? {} : { truncated }),
  };
}

/** Those that carry no properties are told apart by their reader. */
function isRecording(contentType: string): boolean {
  return /^(?:audio|video)\//.test(contentType);
}

function countWords(text: string): number {
  let words = 0;
  for (const _ of text.matchAll(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu)) words++;
  return words;
}

async function readStart(path: string, bytes: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(Math.min(bytes, (await file.stat()).size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
