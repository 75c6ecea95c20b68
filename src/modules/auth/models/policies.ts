import { z } from '@hono/zod-openapi';
import { faultOfNetwork } from './networks.ts';
import { userIdSchema } from './users.ts';

const DAY = 24 * 60 * 60;
/** CIDR; nothing passes that PostgreSQL would refuse where the rule is enforced. */
export const networkSchema = z.string().superRefine((text, context) => {
  const fault = faultOfNetwork(text);
  if (fault !== undefined) context.addIssue(fault);
});
const domainSchema = z
  .string()
  .max(253)
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a domain in lower case');

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

/** A policy as it is set; without one everything is as the deployment's configuration says. */
export const storedPolicySchema = z
  .object({
    policy: policySchema,
    updatedAt: z.iso.datetime().nullable(),
    updatedBy: userIdSchema.nullable(),
  })
  .openapi('StoredPolicy');
export type StoredPolicy = z.infer<typeof storedPolicySchema>;

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
