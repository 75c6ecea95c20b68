import { zipSync } from 'fflate';
import mammoth from 'mammoth';
import type { ReadingLimits } from '../../limits.ts';
import { listZip, unzipEntry, ZipError } from '../../zip.ts';
import { type ExtractedText, UnreadableError } from '../document.ts';
import { readXml } from './xml.ts';

/** The text of a Word document. */
export async function readDocx(bytes: Uint8Array, limits: ReadingLimits): Promise<ExtractedText> {
  const parts = unpackXml(bytes, limits);
  // mammoth gets an archive of exactly the bytes that were checked: what another unzipper would make of a
  // malicious original is never asked.
  const clean = Buffer.from(zipSync(Object.fromEntries(parts), { level: 0 }));
  try {
    const { value } = await mammoth.extractRawText({ buffer: clean });
    return { text: value.trim(), metadata: readProperties(parts) };
  } catch (error) {
    throw new UnreadableError('The Word document is damaged.', { cause: error });
  }
}

/** Every XML part; pictures and embedded files stay packed. */
function unpackXml(bytes: Uint8Array, limits: ReadingLimits): Map<string, Uint8Array> {
  try {
    const entries = listZip(bytes, limits.zip).filter(({ name }) => /\.(?:xml|rels)$/i.test(name));
    return new Map(entries.map((entry) => [entry.name, unzipEntry(bytes, entry)]));
  } catch (error) {
    if (error instanceof ZipError)
      throw new UnreadableError(`The document cannot be unpacked: ${error.message}`);
    throw error;
  }
}

function readProperties(parts: ReadonlyMap<string, Uint8Array>): ExtractedText['metadata'] {
  const core = new TextDecoder().decode(parts.get('docProps/core.xml') ?? new Uint8Array());
  const app = new TextDecoder().decode(parts.get('docProps/app.xml') ?? new Uint8Array());
  const title = element(core, 'dc:title');
  const author = element(core, 'dc:creator');
  const created = new Date(element(core, 'dcterms:created') ?? Number.NaN);
  const pages = Number.parseInt(element(app, 'Pages') ?? '', 10);
  return {
    ...(title ? { title } : {}),
    ...(author ? { author } : {}),
    ...(Number.isNaN(created.getTime()) ? {} : { createdAt: created.toISOString() }),
    ...(pages >= 0 ? { pages } : {}),
  };
}

function element(xml: string, name: string): string | undefined {
  const content = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return content === undefined ? undefined : readXml(content).text || undefined;
}
