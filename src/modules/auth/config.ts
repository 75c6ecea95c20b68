import { z } from 'zod';
import {
  accessTokenConfigSchema,
  cacheConfigSchema,
  commaListSchema,
  databaseConfigSchema,
  limitsConfigSchema,
  runtimeConfigSchema,
} from '../../core/config/config.ts';
import { keyringSchema } from '../../core/security/keyring.ts';

const DAY = 24 * 60 * 60;
const seconds = () => z.coerce.number().int().min(1);

/** Passwords, tokens and links travel to these. */
const ENCRYPTED = [
  'AUTH_ISSUER',
  'EMAIL_ENDPOINT',
  'EMAIL_LINK_BASE',
  'PASSWORD_BREACH_URL',
  'UPSTASH_REDIS_REST_URL',
] as const;

const variablesSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...cacheConfigSchema.shape,
  ...limitsConfigSchema.shape,
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
  /** Entries of the audit log are deleted after so many days; 0: never. */
  AUDIT_RETENTION_DAYS: z.coerce.number().int().min(0).max(36_500).default(400),
  /** HTTP API that takes e-mails (Resend's wire format). */
  EMAIL_ENDPOINT: z.url(),
  /** Secret. */
  EMAIL_API_KEY: z.string().min(1),
  EMAIL_FROM: z.string().min(3),
  /** Where links in e-mails lead: `{base}/account/verify-email#token=…`; the gateway's own pages unless told. */
  EMAIL_LINK_BASE: z.url().optional(),
  /** Where breached passwords are looked up, by the first 5 digits of their SHA-1: `https://api.pwnedpasswords.com/range/`. */
  PASSWORD_BREACH_URL: z.url().optional(),
  /** Addresses besides our own origin that a sign-in with a provider may end at, separated by commas. */
  OIDC_RETURN_URLS: commaListSchema,
  /** Derivations of passwords that may begin in a second, in one isolate; others get their answers in between. */
  PASSWORD_HASHES_PER_SECOND: z.coerce.number().min(0.1).max(10_000).default(3),
  /** Cost of new password hashes, as the logarithm of scrypt's N; less than OWASP ASVS asks for only in tests. */
  PASSWORD_SCRYPT_LN: z.coerce.number().int().min(10).max(16).default(15),
  /** A signing key gives way to a new one after so long. */
  SIGNING_KEY_DAYS: z.coerce.number().int().min(1).max(365).default(30),
  /** Where passkeys may be used besides AUTH_ISSUER, separated by commas: origins, or `android:apk-key-hash:…`. */
  WEBAUTHN_ORIGINS: commaListSchema.refine(
    (origins) => origins.every(isWebAuthnOrigin),
    'must be origins, or android:apk-key-hash:…',
  ),
  /** The same client gets the same successor of a refresh token for so long. */
  REFRESH_GRACE_SECONDS: z.coerce.number().int().min(0).max(60).default(10),
});

export const authConfigSchema = ENCRYPTED.reduce(
  (schema, name) =>
    schema.refine((config) => isLocal(config.ENVIRONMENT) || !isPlain(config[name]), {
      path: [name],
      message: 'must be an https address outside of local use',
      // Also when other variables are wrong: all faults are told at once.
      when: () => true,
    }),
  variablesSchema,
).refine((config) => config.ENVIRONMENT === 'test' || !(config.PASSWORD_SCRYPT_LN < 15), {
  path: ['PASSWORD_SCRYPT_LN'],
  message: 'must be at least 15 outside of tests',
  when: () => true,
});
export type AuthConfig = z.output<typeof authConfigSchema>;

const isLocal = (environment: unknown) => environment === 'local' || environment === 'test';

/** Plain HTTP; what is no address at all is a fault already. */
const isPlain = (url: unknown) =>
  typeof url === 'string' && URL.canParse(url) && new URL(url).protocol !== 'https:';

/** As browsers and Android write it into what the authenticator signs. */
function isWebAuthnOrigin(text: string): boolean {
  if (/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text)) return true;
  return URL.canParse(text) && new URL(text).origin === text;
}
