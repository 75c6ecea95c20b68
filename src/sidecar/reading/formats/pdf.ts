import { getDocumentProxy } from 'unpdf';
import type { ReadingLimits } from '../../limits.ts';
import {
  charactersCut,
  type ExtractedText,
  keywordsOf,
  line,
  SkippedError,
  UnreadableError,
} from '../document.ts';
import type { Look } from '../pictures/picture.ts';
import { type Recognised, recognisePages } from './pdf-scans.ts';

type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;
type PdfPage = Awaited<ReturnType<PdfDocument['getPage']>>;
type TextContent = Awaited<ReturnType<PdfPage['getTextContent']>>;

/** The text of a PDF, page by page; of pages without any, what is recognised in them. */
export async function readPdf(bytes: Uint8Array, limits: ReadingLimits, look: Look): Promise<ExtractedText> {
  const pdf = await open(bytes);
  const layers = await readLayers(pdf, limits);
  const broken = layers.filter((layer) => layer === undefined).length;
  if (broken === layers.length) throw new UnreadableError('The PDF is damaged: no page of it can be read.');
  const scans = await recognisePages(layers, limits.pictures, look);
  const { text, pageStarts } = joinPages(layers, scans);
  if (text.trim() === '') {
    if (scans.truncated !== undefined) throw new UnreadableError(`The pages are scans. ${scans.truncated}`);
    throw new SkippedError('No text was found: the pages are empty or pictures without text.');
  }
  const truncated = [describeCut(pdf.numPages, layers.length, text.length, broken, limits), scans.truncated];
  const said = truncated.filter((part) => part !== undefined).join(' ');
  const ocrPages = scans.texts.size > 0 ? { ocrPages: scans.texts.size } : {};
  return {
    text,
    pageStarts,
    metadata: { ...(await readMetadata(pdf)), pages: pdf.numPages, ...ocrPages },
    ...(said === '' ? {} : { truncated: said }),
  };
}

/** Of damaged pages undefined. */
async function readLayers(pdf: PdfDocument, limits: ReadingLimits): Promise<(string | undefined)[]> {
  const layers: (string | undefined)[] = [];
  let characters = 0;
  while (layers.length < Math.min(pdf.numPages, limits.pages) && characters <= limits.characters) {
    const layer = await readPage(pdf, layers.length + 1);
    layers.push(layer);
    characters += (layer ?? '').length;
  }
  return layers;
}

function joinPages(layers: readonly (string | undefined)[], { texts }: Recognised) {
  const pageStarts: number[] = [];
  let text = '';
  layers.forEach((layer, index) => {
    if (text !== '') text += '\n\n';
    pageStarts.push(text.length);
    text += texts.get(index + 1) ?? layer ?? '';
  });
  return { text, pageStarts };
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
  const keywords = keywordsOf(info.get('Keywords'));
  const createdAt = parsePdfDate(info.get('CreationDate'));
  const modifiedAt = parsePdfDate(info.get('ModDate'));
  return {
    ...line('title', info.get('Title')),
    ...line('subject', info.get('Subject')),
    ...line('author', info.get('Author')),
    ...line('application', info.get('Creator')),
    ...(keywords.length === 0 ? {} : { keywords }),
    ...(createdAt ? { createdAt } : {}),
    ...(modifiedAt ? { modifiedAt } : {}),
  };
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
  read: number,
  characters: number,
  broken: number,
  limits: ReadingLimits,
): string | undefined {
  if (characters > limits.characters) return charactersCut(limits.characters);
  if (total > read) {
    const [first, all] = [read, total].map((pages) => pages.toLocaleString('en-US'));
    return `Only the first ${first} of ${all} pages were read.`;
  }
  return broken > 0 ? `${broken} of ${total} pages are damaged and were left out.` : undefined;
}
