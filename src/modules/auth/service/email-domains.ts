import { authError } from '../errors.ts';
import type { EffectivePolicy } from '../models/policies.ts';

/** @throws AppError `email_domain_not_allowed` when the deployment takes others only */
export function refuseOtherDomains(
  email: string,
  { allowedEmailDomains }: Pick<EffectivePolicy, 'allowedEmailDomains'>,
): void {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  if (allowedEmailDomains.length > 0 && !allowedEmailDomains.includes(domain))
    throw authError('email_domain_not_allowed', { detail: 'Use an address of your organisation.' });
}
