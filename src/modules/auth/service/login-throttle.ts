import type { RateClaim, RateDecision, RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { addressKey } from '../../../core/security/address.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { LOGIN_FAILURES_PER_ACCOUNT, LOGIN_FAILURES_PER_ADDRESS, loginFailuresOfPair } from '../limits.ts';
import type { KnownNetworks } from '../ports/login-throttle.ts';
import { networkOf } from './network.ts';
import type { EffectivePolicyOf } from './policies.ts';

/** A try to sign in that has been counted as a failure until it says otherwise. */
export interface LoginAttempt {
  /** Takes the try back, and forgets the failures of this address at this account. */
  succeeded(): Promise<void>;
}

export interface LoginThrottle {
  /**
   * Call it before a password is derived: of any number of tries at once no more are admitted than may fail. Accounts
   * that do not exist are counted like those that do.
   * @throws AppError `too_many_requests`
   */
  admit(email: string, caller: Caller): Promise<LoginAttempt>;
}

/**
 * Makes guessing slow without giving anybody a way to shut the owner out (NIST SP 800-63B 3.2.2, OWASP ASVS 6.3.1):
 * one address waits longer and longer at one account, and can fail at so many accounts. Many addresses at one account
 * wait for each other, but whoever comes from a network that the account has signed in from does not wait for them.
 */
export function createLoginThrottle(dependencies: {
  readonly limiter: RateLimiter;
  readonly knownNetworks: KnownNetworks;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly hashSecret: (text: string) => string;
}): LoginThrottle {
  const { limiter, knownNetworks, effectivePolicy, hashSecret } = dependencies;

  async function isKnown(email: string, { address }: Caller): Promise<boolean> {
    const network = networkOf(address);
    return network !== null && (await knownNetworks.has(email, network));
  }

  return {
    async admit(email, caller) {
      const account = hashSecret(email.toLowerCase());
      const address = addressKey(caller.address);
      // The deployment's policy: with those of workspaces the limit would tell who is a member of one.
      const { loginFailures } = await effectivePolicy(null);
      const pair = loginFailuresOfPair(loginFailures).map((limit) => ({
        limit,
        key: `${account}:${address}`,
      }));
      const ofAddress: RateClaim = { limit: LOGIN_FAILURES_PER_ADDRESS, key: address };
      const ofAccount: RateClaim = { limit: LOGIN_FAILURES_PER_ACCOUNT, key: account };

      let counted: readonly RateClaim[] = [...pair, ofAddress, ofAccount];
      let decisions = await limiter.consumeAll(counted);
      if (onlyLastRefuses(decisions) && (await isKnown(email, caller))) {
        counted = [...pair, ofAddress];
        decisions = await limiter.consumeAll(counted);
      }
      refuseOverLimit(...decisions);
      return {
        async succeeded() {
          await Promise.all([
            ...pair.map(({ limit, key }) => limiter.forget(limit, key)),
            limiter.giveBack(counted.slice(pair.length)),
          ]);
        },
      };
    },
  };
}

function onlyLastRefuses(decisions: readonly RateDecision[]): boolean {
  const refused = decisions.filter(({ allowed }) => !allowed);
  return refused.length === 1 && refused[0] === decisions.at(-1);
}
