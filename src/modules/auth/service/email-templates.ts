import type { EmailMessage } from '../models/emails.ts';
import type { RenderedEmail } from '../ports/emails.ts';

const PRODUCT = 'AI Cloud Storage';
const IGNORE = 'If this was not you, you need not do anything: without the link nothing happens.';
const NOT_YOU =
  'If this was not you, reset your password, end all other sessions, and tell an administrator.';

interface Content {
  readonly subject: string;
  /** Plain text; nothing in it is markup. */
  readonly paragraphs: readonly string[];
  readonly link?: { readonly label: string; readonly url: string };
  readonly afterwards?: string;
}

/**
 * Subject, text and HTML of an e-mail. Values are arguments, never part of a template: they are cut to one line, and
 * escaped in the HTML.
 * @throws when a link is not http(s)
 */
export function renderEmail(message: EmailMessage): RenderedEmail {
  const { subject, paragraphs, link, afterwards } = contentOf(message);
  const url = link && webLink(link.url);
  const before = [...paragraphs, ...(link ? [`${link.label}:`] : [])];
  const text = [...before, ...(url ? [url] : []), ...(afterwards ? [afterwards] : []), `-- \n${PRODUCT}`];
  const html = [
    ...paragraphs.map(htmlParagraph),
    ...(link && url ? [`<p><a href="${escapeHtml(url)}">${escapeHtml(link.label)}</a></p>`] : []),
    ...(link && url ? [htmlParagraph(`Or copy this address: ${url}`)] : []),
    ...(afterwards ? [htmlParagraph(afterwards)] : []),
  ];
  return { subject: oneLine(subject), text: `${text.join('\n\n')}\n`, html: page(subject, html) };
}

function contentOf(message: EmailMessage): Content {
  switch (message.template) {
    case 'verify-email':
      return {
        subject: 'Confirm your e-mail address',
        paragraphs: [`Somebody, most likely you, gave this address to ${PRODUCT}.`],
        link: { label: 'Confirm that it is yours', url: message.link },
        afterwards: IGNORE,
      };
    case 'already-registered':
      return {
        subject: 'You already have an account',
        paragraphs: [
          `Somebody, most likely you, tried to open an account at ${PRODUCT} with this address. There is one already.`,
        ],
        link: { label: 'Sign in, or choose a new password', url: message.link },
        afterwards: 'If this was not you, you need not do anything: nothing has changed.',
      };
    case 'reset-password':
      return {
        subject: 'Choose a new password',
        paragraphs: [`Somebody, most likely you, asked for a new password of this account at ${PRODUCT}.`],
        link: { label: 'Choose a new password', url: message.link },
        afterwards: IGNORE,
      };
    case 'change-email':
      return {
        subject: 'Confirm your new e-mail address',
        paragraphs: [`This address is to become that of an account at ${PRODUCT}.`],
        link: { label: 'Confirm the new address', url: message.link },
        afterwards: IGNORE,
      };
    default:
      return noticeOf(message);
  }
}

function noticeOf(
  message: Extract<
    EmailMessage,
    { template: 'email-changed' | 'link-identity' | 'invitation' | 'security-notice' }
  >,
): Content {
  switch (message.template) {
    case 'email-changed':
      return {
        subject: 'Your e-mail address was changed',
        paragraphs: [`The address of your account at ${PRODUCT} is now ${oneLine(message.newEmail)}.`],
        link: { label: 'This was not me: take it back', url: message.undoLink },
      };
    case 'link-identity':
      return {
        subject: `Confirm the sign-in with ${oneLine(message.provider)}`,
        paragraphs: [
          `Somebody, most likely you, signed in with ${oneLine(message.provider)} under this address, which has an account.`,
        ],
        link: { label: 'Connect the two', url: message.link },
        afterwards: IGNORE,
      };
    case 'invitation':
      return {
        subject: `Invitation to ${oneLine(message.workspace)}`,
        paragraphs: [
          `${oneLine(message.inviter)} invites you to the workspace "${oneLine(message.workspace)}" at ${PRODUCT}.`,
        ],
        link: { label: 'See the invitation', url: message.link },
        afterwards: 'If you do not know them, you need not do anything: an invitation ends by itself.',
      };
    case 'security-notice':
      return {
        subject: 'The security of your account has changed',
        paragraphs: [oneLine(message.what)],
        afterwards: NOT_YOU,
      };
  }
}

/** One line without control characters: a value cannot begin a header, or a paragraph of its own. */
function oneLine(value: string): string {
  return value
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .trim()
    .slice(0, 300);
}

function webLink(link: string): string {
  const { protocol, href } = new URL(link);
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error('a link in an e-mail must be http(s)');
  return href;
}

const htmlParagraph = (paragraph: string): string => `<p>${escapeHtml(paragraph)}</p>`;

function page(title: string, body: readonly string[]): string {
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(oneLine(title))}</title></head>`,
    '<body style="font-family:sans-serif;max-width:36em;margin:2em auto;padding:0 1em">',
    ...body,
    `<p>${PRODUCT}</p></body></html>`,
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
