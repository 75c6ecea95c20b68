import type { z } from 'zod';
import { SETTINGS } from '../../../contracts/settings.ts';
import { scaleLimits } from '../../../core/cache/rate-limiter.ts';
import { createUpstashRateLimiter } from '../../../core/cache/upstash-rate-limiter.ts';
import { settingsOf } from '../../../core/config/settings.ts';
import { createDatabase, type Database } from '../../../core/database/client.ts';
import { newId } from '../../../core/database/columns.ts';
import { readFlags, workspacesOf } from '../../../core/database/flags.ts';
import { readSettings } from '../../../core/database/settings.ts';
import { createFlags } from '../../../core/flags/flags.ts';
import { createGuard } from '../../../core/http/guard.ts';
import { createKeyring, type Keyring } from '../../../core/security/keyring.ts';
import { createScryptPasswords } from '../../../core/security/scrypt-passwords.ts';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { createLogger, type Logger } from '../../../core/telemetry/logger.ts';
import { createHttpMailer } from '../adapters/http-mailer.ts';
import { createJoseTokens, newSigningKey } from '../adapters/jose-tokens.ts';
import { createPacedPasswords } from '../adapters/paced-passwords.ts';
import type { AuthConfig, authConfigSchema } from '../config.ts';
import type { EffectivePolicy } from '../models/policies.ts';
import { PASSWORD_MIN } from '../models/sign-in.ts';
import { createEmailRepository } from '../repository/emails.ts';
import { createOneTimeTokenRepository } from '../repository/one-time-tokens.ts';
import { createPolicyRepository } from '../repository/policies.ts';
import { createSigningKeyRepository } from '../repository/signing-keys.ts';
import { createEmailDelivery, type EmailDelivery } from '../service/email-delivery.ts';
import { createEmails } from '../service/emails.ts';
import { createOneTimeTokens } from '../service/one-time-tokens.ts';
import { createEffectivePolicy } from '../service/policies.ts';
import { createRegistrationMode, createSignInMode } from '../service/registration-mode.ts';
import { createSigningKeys } from '../service/signing-keys.ts';

/** What every room builds on. */
export function createFoundation(config: z.output<typeof authConfigSchema>) {
  const logger = createLogger(config.LOG_LEVEL, { module: 'auth' });
  const db: Database = createDatabase(config);
  const keyring = createKeyring(config.AUTH_ENCRYPTION_KEYS);
  const now = () => new Date();
  const accessTokens = createJoseTokens({
    repository: createSigningKeyRepository(db),
    keyring,
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    lifetimeSeconds: config.ACCESS_TOKEN_SECONDS,
    now,
  });
  const limiter = scaleLimits(createUpstashRateLimiter(config, logger), config.RATE_LIMIT_SCALE);
  const guard = createGuard({
    config,
    db,
    limiter,
    auth: { fetch: async () => Response.json(await accessTokens.publicKeys()) },
  });
  return {
    ...createRunTimeConfiguration(config, db, logger),
    config,
    logger,
    db,
    keyring,
    now,
    accessTokens,
    signingKeys: createSigningKeys({
      repository: createSigningKeyRepository(db),
      newKey: () => newSigningKey(keyring),
      keyDays: config.SIGNING_KEY_DAYS,
      tokenSeconds: config.ACCESS_TOKEN_SECONDS,
    }),
    guard,
    recordAudit: guard.recordAudit,
    limiter,
    passwords: createPacedPasswords(createScryptPasswords({ ln: config.PASSWORD_SCRYPT_LN }), {
      perSecond: config.PASSWORD_HASHES_PER_SECOND,
      longestWaitMs: 5_000,
      now: Date.now,
      sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    }),
    emails: createEmails({ repository: createEmailRepository(db), keyring, newId }),
    outbox: createOutbox(config, db, keyring, logger),
    effectivePolicy: createEffectivePolicy(createPolicyRepository(db), policyDefaults(config)),
    oneTimeTokens: createOneTimeTokens({
      repository: createOneTimeTokenRepository(db),
      newSecret,
      hashSecret,
      now,
    }),
  };
}

export type Foundation = ReturnType<typeof createFoundation>;

/** What is asked of everybody without any policy. */
export function policyDefaults(config: AuthConfig): EffectivePolicy {
  return {
    passwordMinLength: PASSWORD_MIN,
    sessionIdleSeconds: config.REFRESH_TOKEN_SECONDS,
    sessionSeconds: config.SESSION_SECONDS,
    maxSessions: 100,
    requireMfa: false,
    allowedEmailDomains: [],
    loginFailures: 5,
  };
}

/** What changes without a deploy. */
function createRunTimeConfiguration(config: AuthConfig, db: Database, logger: Logger) {
  const flags = createFlags({
    load: () => readFlags(db),
    workspacesOf: (userId) => workspacesOf(db, userId),
    now: Date.now,
    logger,
  });
  const settings = settingsOf({
    module: 'auth',
    schema: SETTINGS.auth,
    defaults: {},
    load: async () => (await readSettings(db, 'auth'))?.values,
    now: Date.now,
    logger,
  });
  const configuredRegistration = async () => (await settings()).registration ?? config.REGISTRATION;
  return {
    flags,
    settings,
    registrationMode: createRegistrationMode({ flags, configured: configuredRegistration }),
    signInMode: createSignInMode(config.REGISTRATION, configuredRegistration),
  };
}

function createOutbox(config: AuthConfig, db: Database, keyring: Keyring, logger: Logger): EmailDelivery {
  return createEmailDelivery({
    repository: createEmailRepository(db),
    keyring,
    mailer: createHttpMailer({
      endpoint: config.EMAIL_ENDPOINT,
      apiKey: config.EMAIL_API_KEY,
      from: config.EMAIL_FROM,
    }),
    logger,
  });
}
