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
  REFRESH_GRACE_SECONDS: z.coerce.number().int().min(0).max(60).default(10),
});
export type AuthConfig = z.output<typeof authConfigSchema>;
