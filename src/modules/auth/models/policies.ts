import { z } from '@hono/zod-openapi';

const DAY = 24 * 60 * 60;
const CIDR = /^([0-9a-f:.]{2,45})\/(\d{1,3})$/i;
const networkSchema = z.string().regex(CIDR, 'must be a network in CIDR notation, like 192.0.2.0/24');
const domainSchema = z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a domain in lower case');

/**
 * What the deployment or a workspace asks of its people. Every field is optional; of several policies that bind a
 * user, the strictest counts. There are no composition rules and no expiry of passwords (NIST SP 800-63B 3.1.1).
 */
export const policySchema = z
  .strictObject({
    /** Never below 8; 64 characters are accepted by any policy. */
    passwordMinLength: z.int().min(8).max(64),
    sessionIdleSeconds: z
      .int()
      .min(60)
      .max(90 * DAY),
    sessionSeconds: z
      .int()
      .min(60)
      .max(365 * DAY),
    /** Sessions at the same time; the one unused longest gives way. */
    maxSessions: z.int().min(1).max(1_000),
    requireMfa: z.boolean(),
    /** Where requests may come from; enforced in SQL (auth.authority_of_user). Empty: everywhere. */
    allowedNetworks: z.array(networkSchema).max(100),
    /** Whose addresses may register, be invited, or sign in by OIDC. Empty: all. */
    allowedEmailDomains: z.array(domainSchema).max(100),
    /** Failed sign-ins of one account from one address before each further one has to wait. */
    loginFailures: z.int().min(3).max(100),
  })
  .partial()
  .openapi('Policy');
export type Policy = z.infer<typeof policySchema>;

/** All policies that bind a user, as one; deployment defaults come from the environment. */
export interface EffectivePolicy {
  readonly passwordMinLength: number;
  readonly sessionIdleSeconds: number;
  readonly sessionSeconds: number;
  readonly maxSessions: number;
  readonly requireMfa: boolean;
  readonly allowedEmailDomains: readonly string[];
  readonly loginFailures: number;
}
