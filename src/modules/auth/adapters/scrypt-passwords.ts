import { scrypt, timingSafeEqual } from 'node:crypto';
import type { Passwords } from '../ports/accounts.ts';

/** OWASP ASVS 5.0 Appendix C: N = 2^15, r = 8, p = 3; about 32 MiB and a quarter of a second. */
const PARAMETERS = { ln: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const PHC = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/;

/**
 * Passwords as PHC strings: `$scrypt$ln=15,r=8,p=3$salt$hash`, base64 without padding. workerd derives within the
 * call, so an isolate never does two at once; a queue here would make one request wait for another's promise, which
 * workerd ends as a hang.
 */
export function createScryptPasswords(): Passwords {
  return {
    async hash(password) {
      const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
      const key = await derive(password, salt, PARAMETERS, KEY_BYTES);
      return `$scrypt$ln=${PARAMETERS.ln},r=${PARAMETERS.r},p=${PARAMETERS.p}$${encode(salt)}$${encode(key)}`;
    },
    async verify(password, phc) {
      const match = PHC.exec(phc ?? '');
      if (!match) {
        await derive(password, new Uint8Array(SALT_BYTES), PARAMETERS, KEY_BYTES);
        return false;
      }
      const [, ln, r, p, salt = '', hash = ''] = match;
      const expected = decode(hash);
      const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
      const actual = await derive(password, decode(salt), parameters, expected.length);
      return timingSafeEqual(actual, expected);
    },
  };
}

function derive(
  password: string,
  salt: Uint8Array,
  { ln, r, p }: { ln: number; r: number; p: number },
  length: number,
): Promise<Uint8Array> {
  const N = 2 ** ln;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

const encode = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
const decode = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
