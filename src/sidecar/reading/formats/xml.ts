import { type ExtractedText, line } from '../document.ts';

const ENTITY = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,4}));/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** Elements of what only programs read, in SVG and XHTML. */
const UNREAD = new Set(['script', 'style']);

/**
 * The character data of an XML document. Declarations of document types are dropped unread, so that no entity is ever
 * expanded or fetched (OWASP ASVS 5.0, 1.5.1). Not a parser: what is not well-formed is read as well as it goes, at any
 * depth, and every character is looked at once.
 */
export function readXml(content: string): ExtractedText {
  const pieces: string[] = [];
  let title: string | undefined;
  let unread: string | undefined;
  for (const { text, tag } of markup(content)) {
    const name = tag === undefined ? '' : localName(tag);
    if (unread !== undefined) {
      if (name === `/${unread}`) unread = undefined;
      continue;
    }
    if (text !== undefined) pieces.push(text);
    else if (tag === undefined) continue;
    else {
      pieces.push('\n');
      if (UNREAD.has(name) && !tag.endsWith('/')) unread = name;
      if (name === '/title' && title === undefined) title = pieces.at(-2);
    }
  }
  const lines = pieces
    .join('')
    .split('\n')
    .map((text) => text.replace(/\s+/g, ' ').trim());
  return { text: lines.filter((text) => text !== '').join('\n'), metadata: line('title', title) };
}

/** Text with its entities resolved, or the inside of a tag; comments, instructions and declarations are left out. */
function* markup(content: string): Generator<{ text?: string; tag?: string }> {
  for (let at = content.startsWith('\uFEFF') ? 1 : 0; at < content.length; ) {
    const open = content.indexOf('<', at);
    const until = open === -1 ? content.length : open;
    if (until > at) yield { text: content.slice(at, until).replace(ENTITY, decodeEntity) };
    if (open === -1) return;
    if (content.startsWith('<!--', open)) at = after(content, '-->', open + 4);
    else if (content.startsWith('<?', open)) at = after(content, '?>', open + 2);
    else if (content.startsWith('<![CDATA[', open)) {
      at = after(content, ']]>', open + 9);
      yield { text: content.slice(open + 9, content.startsWith(']]>', at - 3) ? at - 3 : at) };
    } else if (content.startsWith('<!', open)) at = afterDeclaration(content, open);
    else {
      at = after(content, '>', open + 1);
      yield { tag: content.slice(open + 1, content[at - 1] === '>' ? at - 1 : at) };
    }
  }
}

function after(content: string, end: string, from: number): number {
  const found = content.indexOf(end, from);
  return found === -1 ? content.length : found + end.length;
}

/** A declaration of a document type may have others in brackets. */
function afterDeclaration(content: string, open: number): number {
  const mark = /[[>]/g;
  mark.lastIndex = open;
  const found = mark.exec(content);
  if (found === null) return content.length;
  return found[0] === '>' ? found.index + 1 : after(content, '>', after(content, ']', found.index));
}

/** `/title` of `</svg:title >`. */
function localName(tag: string): string {
  const name = /^(\/?)([^\s/]{1,100})/.exec(tag);
  const local = name?.[2]?.slice(name[2].lastIndexOf(':') + 1) ?? '';
  return `${name?.[1] ?? ''}${local.toLowerCase()}`;
}

function decodeEntity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return NAMED[name] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(decimal, 10);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    ? String.fromCodePoint(code)
    : whole;
}
