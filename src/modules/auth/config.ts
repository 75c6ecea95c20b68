import { z } from 'zod';
import {
  accessTokenConfigSchema,
  cacheConfigSchema,
  databaseConfigSchema,
  runtimeConfigSchema,
} from '../../core/config/config.ts';
import { keyringSchema } from '../../core/security/keyring.ts';

const DAY = 24 * 60 * 60;
const seconds = () => z.coerce.number().int().min(1);

export const authConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...cacheConfigSchema.shape,
  ...accessTokenConfigSchema.shape,
  /** Secret: keys that seal what has to be read again; the first one seals (core/security/keyring.ts). */
  AUTH_ENCRYPTION_KEYS: keyringSchema,
  ACCESS_TOKEN_SECONDS: seconds().max(86_400).default(300),
  /** A session ends when it is not refreshed for so long, */
  REFRESH_TOKEN_SECONDS: seconds().default(30 * DAY),
  /** and after so long in any case. */
  SESSION_SECONDS: seconds().default(90 * DAY),
  /** `open`: who registers is signed in, and learns that an address is taken. `confirmed`: every address gets the same
   * answer and an e-mail; `invited`: only with an invitation; `closed`: nobody. */
  REGISTRATION: z.enum(['open', 'confirmed', 'invited', 'closed']).default('confirmed'),
  /** HTTP API that takes e-mails (Resend's wire format). */
  EMAIL_ENDPOINT: z.url(),
  /** Secret. */
  EMAIL_API_KEY: z.string().min(1),
  EMAIL_FROM: z.string().min(3),
  /** Where links in e-mails lead: `{base}/verify-email?token=…`; the gateway's own pages unless told. */
  EMAIL_LINK_BASE: z.url().optional(),
  REFRESH_GRACE_SECONDS: z.coerce.number().int().min(0).max(60).default(10),
});
export type AuthConfig = z.output<typeof authConfigSchema>;
