import { convert } from 'html-to-text';
import type { ExtractedText } from '../document.ts';

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
  const head = content.slice(0, HEAD_CHARACTERS);
  const title = convert(/<title[^>]*>([^<]*)/i.exec(head)?.[1] ?? '', { wordwrap: false }).trim();
  const author = /<meta\s+name=["']?author["']?\s+content=["']([^"'<>]+)/i.exec(head)?.[1]?.trim();
  return { text, metadata: { ...(title ? { title } : {}), ...(author ? { author } : {}) } };
}
