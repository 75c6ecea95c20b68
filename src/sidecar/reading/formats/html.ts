import { convert } from 'html-to-text';
import { type ExtractedText, keywordsOf, line } from '../document.ts';

/** Where metadata is looked for: the head of a page is at its beginning. */
const HEAD_CHARACTERS = 200_000;

/** The visible text of a page; scripts, styles and link targets are left out. */
export function readHtml(content: string): ExtractedText {
  const text = convert(content, {
    wordwrap: false,
    preserveNewlines: false,
    limits: { maxInputLength: content.length, maxDepth: 256, ellipsis: '' },
    selectors: [
      ...['script', 'style', 'noscript', 'template', 'svg', 'img'].map((selector) => ({
        selector,
        format: 'skip',
      })),
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
      { selector: 'a', options: { ignoreHref: true } },
      {
        selector: 'table',
        format: 'dataTable',
        options: { uppercaseHeaderCells: false, maxColumnWidth: 200 },
      },
    ],
  });
  return { text, metadata: readHead(content.slice(0, HEAD_CHARACTERS)) };
}

/** Title and `<meta name content>` (HTML, 4.2.5) in the beginning of a page. */
function readHead(head: string): ExtractedText['metadata'] {
  const named = new Map<string, string>();
  for (const [tag] of head.matchAll(/<meta\s[^<>]{0,2000}>/gi)) {
    const name = attribute(tag, 'name')?.toLowerCase();
    const content = attribute(tag, 'content');
    if (name !== undefined && content !== undefined && !named.has(name)) named.set(name, content);
  }
  const title = /<title(?:\s[^<>]{0,500})?>([^<]{0,2000})/i.exec(head)?.[1];
  const keywords = keywordsOf(named.get('keywords'));
  return {
    ...line('title', convert(title ?? '', { wordwrap: false })),
    ...line('subject', named.get('description')),
    ...line('author', named.get('author')),
    ...line('application', named.get('generator')),
    ...(keywords.length === 0 ? {} : { keywords }),
  };
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}\\s{0,9}=\\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag);
  const value = found?.[1] ?? found?.[2] ?? found?.[3];
  return value === undefined ? undefined : convert(value, { wordwrap: false });
}
