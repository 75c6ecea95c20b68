import { scrypt, timingSafeEqual } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '../../../core/security/secret.ts';
import type { LinkPasswords } from '../ports/links.ts';

/** OWASP ASVS 5.0 Appendix C; 32 MiB. */
const PARAMETERS = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const STORED = /^scrypt-15-8-3\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

/** Kept as `scrypt-15-8-3$salt$key`, base64url; a password is its UTF-8 bytes as they were sent. */
export function createLinkPasswords(): LinkPasswords {
  return {
    async hash(password) {
      const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
      return `scrypt-15-8-3$${toBase64Url(salt)}$${toBase64Url(await derive(password, salt))}`;
    },
    async verify(password, hash) {
      const [, salt, key] = STORED.exec(hash) ?? [];
      // Half a surrogate pair has no UTF-8; encoded with a replacement it would equal another password.
      if (salt === undefined || key === undefined || !password.isWellFormed()) return false;
      return timingSafeEqual(await derive(password, fromBase64Url(salt)), fromBase64Url(key));
    },
  };
}

function derive(password: string, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, PARAMETERS, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
