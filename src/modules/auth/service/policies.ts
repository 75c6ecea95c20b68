import type { EffectivePolicy, Policy } from '../models/policies.ts';
import type { PolicyRepository } from '../ports/policies.ts';

/** The policy that binds a user; null: somebody who has no account yet. */
export type EffectivePolicyOf = (userId: string | null) => Promise<EffectivePolicy>;

export function createEffectivePolicy(
  repository: Pick<PolicyRepository, 'policiesFor'>,
  defaults: EffectivePolicy,
): EffectivePolicyOf {
  return async (userId) => strictest(defaults, await repository.policiesFor(userId));
}

/** The deployment's own settings are the widest that any policy can be. */
export function strictest(defaults: EffectivePolicy, policies: readonly Policy[]): EffectivePolicy {
  return policies.reduce<EffectivePolicy>(
    (sum, policy) => ({
      passwordMinLength: Math.max(sum.passwordMinLength, policy.passwordMinLength ?? 0),
      sessionIdleSeconds: Math.min(sum.sessionIdleSeconds, policy.sessionIdleSeconds ?? Infinity),
      sessionSeconds: Math.min(sum.sessionSeconds, policy.sessionSeconds ?? Infinity),
      maxSessions: Math.min(sum.maxSessions, policy.maxSessions ?? Infinity),
      requireMfa: sum.requireMfa || (policy.requireMfa ?? false),
      allowedEmailDomains: both(sum.allowedEmailDomains, policy.allowedEmailDomains ?? []),
      loginFailures: Math.min(sum.loginFailures, policy.loginFailures ?? Infinity),
    }),
    defaults,
  );
}

/** Nobody has an address there (RFC 2606). */
const NO_DOMAIN = ['nobody.invalid'];

/** Empty means all; of two lists what is in both, and if nothing is, nobody's address will do. */
function both(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const common = a.filter((domain) => b.includes(domain));
  return common.length > 0 ? common : NO_DOMAIN;
}
