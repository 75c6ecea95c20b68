import { open, readFile, stat } from 'node:fs/promises';
import type { ReadResponse } from '../../contracts/sidecar.ts';
import { chunkText } from '../chunking.ts';
import type { ReadingLimits } from '../limits.ts';
import { decodeText } from './decode.ts';
import { detectType } from './detect.ts';
import { charactersCut, type ExtractedText, SkippedError, UnreadableError } from './document.ts';
import { detectLanguage } from './language.ts';

const HEAD_BYTES = 65_536;
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

/**
 * Reads one file that is on disk already. Runs inside the reading thread.
 * @param onType told the media type before anything is parsed, in case parsing never ends.
 */
export async function readDocument(
  path: string,
  name: string,
  limits: ReadingLimits,
  onType: (contentType: string) => void = () => undefined,
): Promise<ReadResponse> {
  const { size } = await stat(path);
  const contentType =
    size === 0 ? 'application/x-empty' : await detectType(path, await readStart(path, HEAD_BYTES), name);
  onType(contentType);
  try {
    if (size === 0) throw new SkippedError('The file is empty.');
    return toResponse(contentType, await extract(path, contentType, limits), limits);
  } catch (error) {
    if (error instanceof SkippedError) return { status: 'skipped', contentType, reason: error.message };
    if (error instanceof UnreadableError) return { status: 'failed', contentType, reason: error.message };
    throw error;
  }
}

async function extract(path: string, contentType: string, limits: ReadingLimits): Promise<ExtractedText> {
  switch (contentType) {
    case 'application/pdf': {
      const { readPdf } = await import('./formats/pdf.ts');
      return readPdf(new Uint8Array(await readFile(path)), limits);
    }
    case DOCX: {
      const { readDocx } = await import('./formats/docx.ts');
      return readDocx(await readFile(path), limits);
    }
    case 'text/html':
    case 'text/csv':
    case 'text/tab-separated-values':
    case 'application/json':
    case 'application/xml':
    case 'image/svg+xml':
    case 'text/markdown':
    case 'text/plain':
      return extractText(path, contentType, limits);
    default:
      throw new SkippedError(
        contentType === 'application/octet-stream'
          ? 'The file is in no known document format.'
          : `${contentType} is not a readable document type yet.`,
      );
  }
}

async function extractText(path: string, contentType: string, limits: ReadingLimits): Promise<ExtractedText> {
  // No encoding in use needs more than four bytes for one UTF-16 unit: more could not be kept anyway.
  const mostBytes = limits.characters * 4;
  const content = decodeText(await readStart(path, mostBytes));
  const cut = (await stat(path)).size > mostBytes ? { truncated: charactersCut(limits.characters) } : {};
  return { ...(await readText(content, contentType)), ...cut };
}

async function readText(content: string, contentType: string): Promise<ExtractedText> {
  switch (contentType) {
    case 'text/html':
      return (await import('./formats/html.ts')).readHtml(content);
    case 'text/csv':
      return (await import('./formats/table.ts')).readTable(content, ',');
    case 'text/tab-separated-values':
      return (await import('./formats/table.ts')).readTable(content, '\t');
    case 'application/json':
      return (await import('./formats/json.ts')).readJson(content);
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
  if (chunks.length === 0) throw new SkippedError('The document has no text in it.');
  const truncated = tooLong ? charactersCut(limits.characters) : extracted.truncated;
  return {
    status: 'read',
    contentType,
    language: detectLanguage(text),
    metadata: { ...extracted.metadata, words: countWords(text), characters: text.length },
    chunks,
    ...(truncated === undefined ? {} : { truncated }),
  };
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
