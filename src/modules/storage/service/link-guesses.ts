import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { addressKey } from '../../../core/security/address.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { LINK_FAILURES_OF_PAIR, LINK_FAILURES_PER_ADDRESS, LINK_FAILURES_PER_LINK } from '../limits.ts';

/**
 * A guess at the password of a link is counted as a failure until it says otherwise: of any number at once no more are
 * looked at than may fail.
 * @throws AppError `too_many_requests`
 */
export async function admitGuess(
  limiter: RateLimiter,
  linkId: string,
  caller: Caller,
): Promise<{ readonly succeeded: () => Promise<void> }> {
  const address = addressKey(caller.address);
  const claims = [
    { limit: LINK_FAILURES_OF_PAIR, key: `${linkId}:${address}` },
    { limit: LINK_FAILURES_PER_ADDRESS, key: address },
    { limit: LINK_FAILURES_PER_LINK, key: linkId },
  ];
  refuseOverLimit(...(await limiter.consumeAll(claims)));
  return { succeeded: () => limiter.giveBack(claims) };
}
