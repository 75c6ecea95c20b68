import { isCode } from '../detect-text.ts';
import { type ExtractedText, line } from '../document.ts';

/** Plain text, Markdown and source code are kept as they are; a first Markdown heading is the title. */
export function readPlainText(content: string, contentType: string): ExtractedText {
  const text = content.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const title =
    contentType === 'text/markdown' ? /^#\s+(.+)$/m.exec(text.slice(0, 2_000))?.[1]?.trim() : undefined;
  return { text, metadata: line('title', title), ...(isCode(contentType) ? { prose: false } : {}) };
}
