import { z } from 'zod';

const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;
/** RFC 8252 7.1: a domain of the author's, turned around. */
const PRIVATE_USE_SCHEME = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/;
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?(?=[/?]|$)/;

/**
 * Where an answer may be sent: https, http on the machine of the browser, or a scheme of an installed program. No
 * fragments (RFC 6749 3.1.2), no user names, no wildcards, nothing that a parser could read in two ways.
 */
export function isRedirectUri(text: string): boolean {
  if (text.length > 1_000 || !PRINTABLE_ASCII.test(text) || /[#*\\<>"'`^{}|]/.test(text)) return false;
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  if (protocol === 'https:') return text.startsWith('https://') && hostname !== '';
  if (protocol === 'http:') return LOOPBACK.test(text);
  return PRIVATE_USE_SCHEME.test(protocol) && text.startsWith(protocol);
}

export const redirectUriSchema = z
  .string()
  .refine(isRedirectUri, 'must be https, http on a loopback address, or a private-use scheme with a dot');

/** Byte for byte (RFC 9700 2.1), but for the port of a loopback address, which a program learns when it starts. */
export function matchesRedirectUri(registered: string, asked: string): boolean {
  if (registered === asked) return true;
  if (!LOOPBACK.test(registered) || !isRedirectUri(asked)) return false;
  return withoutLoopbackPort(registered) === withoutLoopbackPort(asked);
}

function withoutLoopbackPort(uri: string): string {
  return uri.replace(LOOPBACK, '$1');
}

/** Appends to the query that is there, whose bytes stay as they are. */
export function withParameters(uri: string, parameters: Readonly<Record<string, string>>): string {
  return `${uri}${uri.includes('?') ? '&' : '?'}${new URLSearchParams(parameters)}`;
}

/** What a person can recognise a redirect target by. */
export function redirectTarget(uri: string): string {
  const { protocol, host } = new URL(uri);
  if (LOOPBACK.test(uri)) return 'a program on this device';
  return protocol === 'https:' ? host : `the program that opens ${protocol} links on this device`;
}

/**
 * As a source of the policy `form-action`. Chromium holds every redirect after a form to it, also those that the
 * client's own address makes to a page of thanks somewhere else; so it names no host. `http:` lets https in too.
 */
export function formActionSource(uri: string): string {
  return new URL(uri).protocol;
}
