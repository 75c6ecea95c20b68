import type { ExtractedText } from '../document.ts';

const ENTITY = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * The character data of an XML document. Document type declarations are dropped unread, so that no entity is ever
 * expanded or fetched (OWASP ASVS 5.0, 1.5.1).
 */
export function readXml(content: string): ExtractedText {
  const body = content.replace(/^\uFEFF/, '').replace(/<!DOCTYPE[^[>]*(?:\[[^\]]*\]\s*)?>/i, '');
  const text = body
    .replace(/<!--[\s\S]*?(?:-->|$)|<\?[\s\S]*?(?:\?>|$)/g, ' ')
    .replace(/<!\[CDATA\[([\s\S]*?)(?:\]\]>|$)|<[^<>]*>/g, (_, data: string | undefined) => data ?? '\n')
    .replace(ENTITY, decodeEntity)
    .replace(/[ \t]+/g, ' ')
    .replace(/\s*\n\s*/g, '\n');
  const title = /<(?:\w+:)?title[^>]*>([^<]{1,300})</i.exec(body)?.[1]?.replace(ENTITY, decodeEntity).trim();
  return { text: text.trim(), metadata: title ? { title } : {} };
}

function decodeEntity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return NAMED[name] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(decimal, 10);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    ? String.fromCodePoint(code)
    : whole;
}
