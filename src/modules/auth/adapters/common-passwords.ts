import type { CommonPasswords } from '../ports/accounts.ts';

/** Shorter ones are refused for their length already. */
const MIN_LENGTH = 8;

/**
 * The common passwords of zxcvbn (49,233, of which 17,950 are long enough). Loaded at the first use, because unpacking
 * takes 40 ms that a Worker does not have when it starts. What is kept is the finished set, never the promise of it:
 * workerd ends a request that waits for another one's.
 */
export function createCommonPasswords(): CommonPasswords {
  let ready: ReadonlySet<string> | undefined;
  return {
    async has(password) {
      ready ??= toSet((await import('@zxcvbn-ts/language-common')).dictionary['passwords-common']);
      return ready.has(password.toLowerCase());
    },
  };
}

function toSet(words: readonly string[]): ReadonlySet<string> {
  return new Set(words.filter(({ length }) => length >= MIN_LENGTH).map((word) => word.toLowerCase()));
}
