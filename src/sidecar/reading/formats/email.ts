import { open } from 'node:fs/promises';
import PostalMime, { type Address, type Email } from 'postal-mime';
import type { DocumentMetadata } from '../../../contracts/sidecar.ts';
import type { ReadingLimits } from '../../limits.ts';
import { type ExtractedText, line, oneLine, UnreadableError } from '../document.ts';
import { readHtml } from './html.ts';

const MOST_ADDRESSES = 1_000;

/** An e-mail (RFC 5322, MIME): its subject, its text, and the names of what is attached. */
export async function readEmail(path: string, limits: ReadingLimits): Promise<ExtractedText> {
  const email = await parse(path);
  const attachments = email.attachments.flatMap(({ filename, related }) =>
    filename === null || related === true ? [] : [oneLine(filename)],
  );
  const paragraphs = [
    email.subject === undefined ? '' : oneLine(email.subject),
    bodyOf(email, limits),
    attachments.length === 0 ? '' : `Attachments:\n${attachments.join('\n')}`,
  ];
  const from = addressesOf(email.from === undefined ? [] : [email.from])[0];
  const sentAt = isoDate(email.date);
  return {
    text: paragraphs.filter((part) => part !== '').join('\n\n'),
    metadata: {
      ...line('title', email.subject),
      ...line('author', from),
      ...line('application', header(email, 'x-mailer') ?? header(email, 'user-agent')),
      ...(sentAt === undefined ? {} : { createdAt: sentAt }),
      email: {
        ...(from === undefined ? {} : { from }),
        ...listed('to', addressesOf(email.to)),
        ...listed('cc', addressesOf(email.cc)),
        ...(sentAt === undefined ? {} : { sentAt }),
        ...listed('attachments', attachments.slice(0, MOST_ADDRESSES)),
      },
    },
  };
}

async function parse(path: string): Promise<Email> {
  const handle = await open(path);
  try {
    // As a stream: the message and what is attached to it are not in memory twice.
    return await PostalMime.parse(handle.readableWebStream());
  } catch (error) {
    const deep = error instanceof Error && /nesting depth/i.test(error.message);
    throw new UnreadableError(
      deep ? 'The e-mail has parts inside parts, deeper than is allowed.' : 'The e-mail is damaged.',
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}

/** Plain text if there is any, else what a reader of the HTML sees. */
function bodyOf({ text, html }: Email, limits: ReadingLimits): string {
  const plain = text?.replace(/\r\n?/g, '\n').trim() ?? '';
  if (plain !== '' || html === undefined) return plain;
  return readHtml(html.slice(0, limits.characters * 4)).text;
}

function addressesOf(addresses: readonly Address[] = []): string[] {
  return addresses
    .flatMap((address) => address.group ?? [address])
    .slice(0, MOST_ADDRESSES)
    .map(({ name, address }) => oneLine(name && address ? `${name} <${address}>` : address || name))
    .filter((address) => address !== '');
}

function listed(key: 'to' | 'cc' | 'attachments', values: string[]): NonNullable<DocumentMetadata['email']> {
  return values.length === 0 ? {} : { [key]: values };
}

function header(email: Email, key: string): string | undefined {
  return email.headers.find((candidate) => candidate.key === key)?.value;
}

function isoDate(value: string | undefined): string | undefined {
  const date = new Date(value ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
