import { fileTypeFromFile } from 'file-type';
import { decodeText, looksLikeText } from './decode.ts';

const BY_EXTENSION: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  tab: 'text/tab-separated-values',
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
  json: 'application/json',
  geojson: 'application/json',
  ipynb: 'application/json',
  xml: 'application/xml',
  svg: 'image/svg+xml',
};

/** Media type by content. The name only tells apart kinds of text that look alike. */
export async function detectType(path: string, head: Uint8Array, name: string): Promise<string> {
  const magic = await fileTypeFromFile(path).catch(() => undefined);
  // XML is a family: which member it is shows below.
  if (magic && magic.mime !== 'application/xml') return magic.mime;
  if (!looksLikeText(head)) return 'application/octet-stream';
  return detectTextType(decodeText(head.subarray(0, 4_096)), name);
}

function detectTextType(start: string, name: string): string {
  const text = start.replace(/^\uFEFF/, '').trimStart();
  if (/^(?:<!doctype html|<html|<head|<body)[\s>]/i.test(text)) return 'text/html';
  const named = BY_EXTENSION[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
  if (/^<(?:svg:)?svg[\s>]/i.test(skipProlog(text))) return 'image/svg+xml';
  if (/^<\?xml\b/.test(text)) {
    if (/<html[\s>]/i.test(text)) return 'text/html';
    return /<svg[\s>]/i.test(text) ? 'image/svg+xml' : 'application/xml';
  }
  if (named === 'application/json') return /^[[{"\d\-tfn]/.test(text) ? named : 'text/plain';
  if (named === 'text/html' || named === 'application/xml' || named === 'image/svg+xml') {
    return text.startsWith('<') ? named : 'text/plain';
  }
  if (named !== undefined) return named;
  return /^[[{]\s*["{[\]}]/.test(text) ? 'application/json' : 'text/plain';
}

/** What follows the XML declaration, comments and document type. */
function skipProlog(text: string): string {
  const part = /<\?[^>]*>|<!--[\s\S]*?-->|<!doctype[^[>]*(?:\[[^\]]*\]\s*)?>|\s+/iy;
  let end = 0;
  while (part.test(text)) end = part.lastIndex;
  return text.slice(end);
}
