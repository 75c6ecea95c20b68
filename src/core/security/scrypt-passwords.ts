import { scrypt, timingSafeEqual } from 'node:crypto';

export interface ScryptPasswords {
  hash(password: string): Promise<string>;
  /** False without a usable hash too, after as long. */
  verify(password: string, phc: string | null | undefined): Promise<boolean>;
  /** True for a hash with other parameters than new ones get. */
  isOutdated(phc: string): boolean;
}

interface Parameters {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

interface StoredHash {
  readonly parameters: Parameters;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

/** OWASP ASVS 5.0 Appendix C: N = 2^15, r = 8, p = 3; about 32 MiB and a quarter of a second. */
const ASVS: Parameters = { ln: 15, r: 8, p: 3 };
/** A stored hash that asks for more than this is not one of ours, and would cost the isolate its memory or its time. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_PASSES = 4;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * Passwords as PHC strings: `$scrypt$ln=15,r=8,p=3$salt$hash`, base64 without padding. A password is its UTF-8 bytes:
 * no normalisation, no trimming, no folding of case, so what is to match has to be sent as it was. workerd derives
 * within the call, so an isolate never does two at once; a queue here would make one request wait for another's
 * promise, which workerd ends as a hang.
 *
 * @param today parameters of new hashes in place of ASVS's, for tests
 */
export function createScryptPasswords(today: Partial<Parameters> = {}): ScryptPasswords {
  const parameters = { ...ASVS, ...today };
  return {
    async hash(password) {
      const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
      const key = await derive(password, salt, parameters, KEY_BYTES);
      return `$scrypt$ln=${parameters.ln},r=${parameters.r},p=${parameters.p}$${encode(salt)}$${encode(key)}`;
    },
    async verify(password, phc) {
      const stored = parse(phc ?? '');
      // Half a surrogate pair has no UTF-8; encoded with a replacement it would equal another password.
      if (stored === undefined || !password.isWellFormed()) {
        await derive('', new Uint8Array(SALT_BYTES), parameters, KEY_BYTES);
        return false;
      }
      const actual = await derive(password, stored.salt, stored.parameters, stored.key.length);
      return timingSafeEqual(actual, stored.key);
    },
    isOutdated(phc) {
      const stored = parse(phc)?.parameters;
      return stored?.ln !== parameters.ln || stored.r !== parameters.r || stored.p !== parameters.p;
    },
  };
}

/** Undefined for what is no PHC string of scrypt, or one with absurd parameters. */
function parse(phc: string): StoredHash | undefined {
  const [, ln, r, p, salt = '', key = ''] = PHC.exec(phc) ?? [];
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  const isOneOfOurs =
    parameters.ln >= 1 &&
    parameters.r >= 1 &&
    parameters.p >= 1 &&
    128 * 2 ** parameters.ln * parameters.r <= MAX_MEMORY_BYTES &&
    parameters.p <= MAX_PASSES;
  // One character over a multiple of four is no base64.
  if (!isOneOfOurs || salt.length % 4 === 1 || key.length % 4 === 1) return undefined;
  return { parameters, salt: decode(salt), key: decode(key) };
}

function derive(
  password: string,
  salt: Uint8Array,
  { ln, r, p }: Parameters,
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
