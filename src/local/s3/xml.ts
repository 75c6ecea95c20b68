import { S3Error } from './errors.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** An element of the request document; attributes and namespaces say nothing in S3's bodies and are dropped. */
export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

/** `<name>text</name>`, escaped; nothing at all when the value is undefined. */
export function text(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** `<name>…</name>` around content that is already XML. */
export function element(name: string, ...content: string[]): string {
  return `<${name}>${content.join('')}</${name}>`;
}

/** A whole answer document in S3's namespace. */
export function xmlDocument(name: string, ...content: string[]): string {
  return `${DECLARATION}<${name} xmlns="${NAMESPACE}">${content.join('')}</${name}>`;
}

/** The error document: the one answer without a namespace. */
export function xmlErrorDocument(fields: Record<string, string>): string {
  const content = Object.entries(fields).map(([name, value]) => text(name, value));
  return DECLARATION + element('Error', ...content);
}

function escapeXml(value: string): string {
  // Control characters are not allowed in XML 1.0 even as references, yet S3 writes them so (keys may hold them).
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being escaped
  return value.replace(/[&<>"\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g, (character) => {
    if (character === '&') return '&amp;';
    if (character === '<') return '&lt;';
    if (character === '>') return '&gt;';
    if (character === '"') return '&quot;';
    return `&#x${character.charCodeAt(0).toString(16)};`;
  });
}

const TOKEN =
  /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([A-Za-z_][\w:.-]*)([^<>]*?)(\/?)>|([^<]+)/gy;
const MAX_DEPTH = 8;

/**
 * Reads the small documents S3 clients send. No document types and so no custom entities: what is not plain markup
 * is refused as MalformedXML.
 */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', text: '', children: [] };
  const stack = [root];
  const input = source.replace(/^\ufeff/, '');
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < input.length) {
    const match = TOKEN.exec(input);
    const current = stack.at(-1);
    if (!match || !current) throw new S3Error('MalformedXML');
    const [, cdata, closing, tag, , selfClosing, characters] = match;
    if (cdata !== undefined) current.text += cdata;
    else if (characters !== undefined) current.text += unescapeXml(characters);
    else if (tag !== undefined) openOrClose(stack, localName(tag), closing === '/', selfClosing === '/');
  }
  const [document, ...rest] = root.children;
  if (stack.length !== 1 || !document || rest.length > 0 || root.text.trim() !== '')
    throw new S3Error('MalformedXML');
  return document;
}

/** The text of the named child, or undefined. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

function openOrClose(stack: XmlElement[], name: string, closing: boolean, empty: boolean): void {
  if (closing) {
    if (stack.length < 2 || stack.pop()?.name !== name) throw new S3Error('MalformedXML');
    return;
  }
  if (stack.length > MAX_DEPTH) throw new S3Error('MalformedXML');
  const opened: XmlElement = { name, text: '', children: [] };
  stack.at(-1)?.children.push(opened);
  if (!empty) stack.push(opened);
}

function localName(tag: string): string {
  return tag.slice(tag.indexOf(':') + 1);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(value: string): string {
  return value.replace(/&([^;]*);?/g, (reference, name: string) => {
    const named = ENTITIES[name];
    if (named !== undefined && reference.endsWith(';')) return named;
    const digits = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const code = digits ? Number.parseInt(digits[1] ?? digits[2] ?? '', digits[1] ? 16 : 10) : Number.NaN;
    if (!(code <= 0x10ffff)) throw new S3Error('MalformedXML');
    return String.fromCodePoint(code);
  });
}
