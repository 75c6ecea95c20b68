import { getDocumentProxy } from 'unpdf';
import type { ReadingLimits } from '../../limits.ts';
import { charactersCut, type ExtractedText, SkippedError, UnreadableError } from '../document.ts';

type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;
type PdfPage = Awaited<ReturnType<PdfDocument['getPage']>>;
type TextContent = Awaited<ReturnType<PdfPage['getTextContent']>>;

/** The text layer of a PDF, page by page. */
export async function readPdf(bytes: Uint8Array, limits: ReadingLimits): Promise<ExtractedText> {
  const pdf = await open(bytes);
  const pages = Math.min(pdf.numPages, limits.pages);
  const pageStarts: number[] = [];
  let text = '';
  let broken = 0;
  for (let number = 1; number <= pages && text.length <= limits.characters; number++) {
    if (text !== '') text += '\n\n';
    pageStarts.push(text.length);
    const page = await readPage(pdf, number);
    if (page === undefined) broken++;
    else text += page;
  }
  if (broken === pageStarts.length)
    throw new UnreadableError('The PDF is damaged: no page of it can be read.');
  if (text.trim() === '') throw new SkippedError('No text was found: the pages are scans or pictures.');
  const truncated = describeCut(pdf.numPages, pages, text.length, broken, limits);
  return {
    text,
    pageStarts,
    metadata: { ...(await readMetadata(pdf)), pages: pdf.numPages },
    ...(truncated === undefined ? {} : { truncated }),
  };
}

async function open(bytes: Uint8Array): Promise<PdfDocument> {
  try {
    return await getDocumentProxy(bytes);
  } catch (error) {
    if (error instanceof Error && error.name === 'PasswordException') {
      throw new UnreadableError('The PDF is encrypted; it needs a password to be read.');
    }
    throw new UnreadableError('The PDF is damaged or incomplete.', { cause: error });
  }
}

async function readPage(pdf: PdfDocument, number: number): Promise<string | undefined> {
  try {
    const page = await pdf.getPage(number);
    const text = joinItems(await page.getTextContent());
    page.cleanup();
    return text;
  } catch {
    return undefined;
  }
}

/** Lines as the PDF marks them; a gap clearly wider than the lines around it is a new paragraph. */
function joinItems({ items }: TextContent): string {
  let text = '';
  let lineY: number | undefined;
  for (const item of items) {
    if (!('str' in item)) continue;
    const y: unknown = item.transform[5];
    const gap = typeof y === 'number' && lineY !== undefined ? Math.abs(lineY - y) : 0;
    if (text.endsWith('\n') && item.height > 0 && gap > 1.8 * item.height) text += '\n';
    text += item.str;
    if (item.hasEOL) text += '\n';
    if (typeof y === 'number' && item.str.trim() !== '') lineY = y;
  }
  // A word broken at the end of a line is one word: that is how it is searched for.
  return text.replace(/(\p{Ll})[-\u00AD]\n(\p{Ll})/gu, '$1$2').trim();
}

async function readMetadata(pdf: PdfDocument): Promise<ExtractedText['metadata']> {
  const found: unknown = await pdf.getMetadata().then(
    ({ info }) => info,
    () => undefined,
  );
  if (typeof found !== 'object' || found === null) return {};
  const info = new Map(Object.entries(found));
  const title = nonEmpty(info.get('Title'));
  const author = nonEmpty(info.get('Author'));
  const createdAt = parsePdfDate(info.get('CreationDate'));
  return { ...(title ? { title } : {}), ...(author ? { author } : {}), ...(createdAt ? { createdAt } : {}) };
}

function nonEmpty(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim().slice(0, 1_000) : '';
  return text === '' ? undefined : text;
}

/** `D:20240131120000+02'00'` (ISO 32000-1, 7.9.4) as ISO 8601; a missing zone is taken as UTC. */
function parsePdfDate(value: unknown): string | undefined {
  const parts = /^D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?)?/.exec(
    String(value ?? ''),
  );
  if (parts === null) return undefined;
  const [
    ,
    year,
    month = '01',
    day = '01',
    hour = '00',
    minute = '00',
    second = '00',
    sign,
    zoneHour,
    zoneMinute,
  ] = parts;
  const zone = sign === undefined ? 'Z' : `${sign}${zoneHour}:${zoneMinute ?? '00'}`;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function describeCut(
  total: number,
  allowed: number,
  characters: number,
  broken: number,
  limits: ReadingLimits,
): string | undefined {
  if (characters > limits.characters) return charactersCut(limits.characters);
  if (total > allowed)
    return `Only the first ${allowed.toLocaleString('en-US')} of ${total} pages were read.`;
  return broken > 0 ? `${broken} of ${total} pages are damaged and were left out.` : undefined;
}
