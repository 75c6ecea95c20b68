import { createHash } from 'node:crypto';
import type { StoredMail } from './mail.ts';

const SHOWN = 200;
const STYLE =
  ':root{color-scheme:light dark}body{font-family:sans-serif;max-width:52em;margin:2em auto;padding:0 1em}article{border-top:1px solid #999;' +
  'padding:1em 0}h2{font-size:1.1em;margin:0;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** No script, no frame, no form; nothing from anywhere, whatever is in a mail. */
export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** What was sent, newest first, as text: the HTML of a mail is not shown. */
export function outboxPage(mails: readonly StoredMail[]): string {
  const items = mails.slice(0, SHOWN).map(
    (mail) => `<article><h2>${escapeHtml(mail.subject)}</h2>
<p>to ${escapeHtml(mail.to.join(', '))}, <time>${escapeHtml(mail.receivedAt)}</time></p>
<pre>${withLinks(mail.text)}</pre></article>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>E-mails sent here</title><style>${STYLE}</style></head><body>
<h1>E-mails sent here</h1>
<p>${mails.length} in all, newest first; load the page again for newer ones.</p>
${items.join('\n')}
</body></html>
`;
}

/** Addresses become links, and everything is escaped. */
function withLinks(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((piece, index) =>
      index % 2 === 0
        ? escapeHtml(piece)
        : `<a rel="noreferrer noopener" href="${escapeHtml(piece)}">${escapeHtml(piece)}</a>`,
    )
    .join('');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
