import { createHash } from 'node:crypto';
import { newSecret } from './secret.ts';

/** Makes a leaked key easy to recognise, for people and for secret scanners. */
export const API_KEY_PREFIX = 'acs_';
const FORMAT = /^acs_([A-Za-z0-9_-]{43})([0-9a-f]{8})$/;

/** `acs_` + 256 random bits in base64url + checksum: 55 characters. */
export function newApiKey(): string {
  const secret = newSecret();
  return `${API_KEY_PREFIX}${secret}${checksum(secret)}`;
}

/** A mistyped or made-up key is refused without asking anybody. */
export function isWellFormedApiKey(key: string): boolean {
  const [, secret, sum] = FORMAT.exec(key) ?? [];
  return secret !== undefined && checksum(secret) === sum;
}

function checksum(secret: string): string {
  return createHash('sha256').update(`${API_KEY_PREFIX}${secret}`).digest('hex').slice(0, 8);
}
