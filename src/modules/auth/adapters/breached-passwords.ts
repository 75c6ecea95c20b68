import { createDependency } from '../../../core/resilience/dependency.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import type { BreachedPasswords } from '../ports/accounts.ts';

const TIMEOUT_MS = 1_500;
/** Digits of the hash that are told: about a thousand passwords share them. */
const PREFIX_LENGTH = 5;

/**
 * Have I Been Pwned's range API (https://haveibeenpwned.com/API/v3#PwnedPasswords), or one that speaks like it: the
 * first digits of the SHA-1 go out, all suffixes with them come back. SHA-1 is what the API is made of; nothing is
 * protected by it. While the service is away passwords are taken without it.
 *
 * @param url of the ranges, ending in a slash
 */
export function createBreachedPasswords({ url, logger }: { url: string; logger: Logger }): BreachedPasswords {
  const service = createDependency('breach-lookup', { timeoutMs: TIMEOUT_MS });
  const base = url.endsWith('/') ? url : `${url}/`;
  return {
    async has(password) {
      const hash = await sha1(password);
      try {
        const response = await service.fetch(
          base + hash.slice(0, PREFIX_LENGTH),
          { headers: { 'add-padding': 'true', accept: 'text/plain' }, redirect: 'manual' },
          { wholeAnswer: true },
        );
        if (response.status !== 200) throw new Error(`answered ${response.status}`);
        return lists(await response.text(), hash.slice(PREFIX_LENGTH));
      } catch (error) {
        logger.warn('passwords are taken without a look at known breaches', { error: describeError(error) });
        return false;
      }
    },
  };
}

/** `SUFFIX:count` a line; padding has a count of 0. */
function lists(body: string, suffix: string): boolean {
  return body.split('\n').some((line) => {
    const [name = '', count = ''] = line.trim().split(':');
    return name.toUpperCase() === suffix && Number(count) > 0;
  });
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}
