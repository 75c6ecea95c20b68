import type { z } from 'zod';
import { createUpstashRateLimiter } from '../../core/cache/upstash-rate-limiter.ts';
import { parseConfig } from '../../core/config/config.ts';
import { createDatabase, type Database } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import { createKeyring } from '../../core/security/keyring.ts';
import { hashSecret, newSecret } from '../../core/security/secret.ts';
import { createLogger, type Logger } from '../../core/telemetry/logger.ts';
import { createJoseTokens } from './adapters/jose-tokens.ts';
import { createScryptPasswords } from './adapters/scrypt-passwords.ts';
import { authConfigSchema } from './config.ts';
import { PASSWORD_MIN } from './models/sign-in.ts';
import type { AccessTokens } from './ports/sessions.ts';
import { createAccountRepository } from './repository/accounts.ts';
import { createEmailRepository } from './repository/emails.ts';
import { createOneTimeTokenRepository } from './repository/one-time-tokens.ts';
import { createPolicyRepository } from './repository/policies.ts';
import { createSessionRepository } from './repository/sessions.ts';
import { createSigningKeyRepository } from './repository/signing-keys.ts';
import { type Accounts, createAccounts } from './service/accounts.ts';
import { createEmails } from './service/emails.ts';
import { createOneTimeTokens } from './service/one-time-tokens.ts';
import { createEffectivePolicy } from './service/policies.ts';
import { createSessions, type Sessions } from './service/sessions.ts';
import { createFinishSignIn } from './service/sign-in.ts';

/** The use cases of the module, one per room, for handlers. */
export interface AuthServices {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly accessTokens: AccessTokens;
}

export interface MaintenanceTask {
  readonly name: string;
  run(): Promise<void>;
}

export interface AuthDependencies {
  readonly services: AuthServices;
  readonly guard: Guard;
  /** What the cron does, once a minute; each is short, may fail by itself, and may run twice at once. */
  readonly maintenance: readonly MaintenanceTask[];
  readonly logger: Logger;
  readonly check: () => Promise<void>;
}

export function createAuthDependencies(env: object): AuthDependencies {
  const foundation = createFoundation(parseConfig('auth', authConfigSchema, env));
  const { db } = foundation;
  return {
    services: createServices(foundation),
    guard: foundation.guard,
    maintenance: createMaintenance(foundation),
    logger: foundation.logger,
    check: async () => {
      await db.execute('select 1');
    },
  };
}

/** What every room builds on. */
function createFoundation(config: z.output<typeof authConfigSchema>) {
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
  const guard = createGuard({
    config,
    db,
    auth: { fetch: async () => Response.json(await accessTokens.publicKeys()) },
  });
  return {
    config,
    logger,
    db,
    keyring,
    now,
    accessTokens,
    guard,
    recordAudit: guard.recordAudit,
    limiter: createUpstashRateLimiter(config, logger),
    passwords: createScryptPasswords(),
    emails: createEmails({ repository: createEmailRepository(db), keyring, newId }),
    effectivePolicy: createEffectivePolicy(createPolicyRepository(db), {
      passwordMinLength: PASSWORD_MIN,
      sessionIdleSeconds: config.REFRESH_TOKEN_SECONDS,
      sessionSeconds: config.SESSION_SECONDS,
      maxSessions: 100,
      requireMfa: false,
      allowedEmailDomains: [],
      loginFailures: 5,
    }),
    oneTimeTokens: createOneTimeTokens({
      repository: createOneTimeTokenRepository(db),
      newSecret,
      hashSecret,
      now,
    }),
  };
}
export type Foundation = ReturnType<typeof createFoundation>;

function createServices(foundation: Foundation): AuthServices {
  const { config, db, keyring, now, accessTokens, passwords, recordAudit } = foundation;
  const sessions = createSessions({
    repository: createSessionRepository(db),
    accessTokens,
    keyring,
    newId,
    newSecret,
    hashSecret,
    now,
    idleSeconds: config.REFRESH_TOKEN_SECONDS,
    sessionSeconds: config.SESSION_SECONDS,
    graceSeconds: config.REFRESH_GRACE_SECONDS,
  });
  const finishSignIn = createFinishSignIn({ sessions, challengeSecondFactor: async () => undefined });
  const accounts = createAccounts({
    repository: createAccountRepository(db),
    passwords,
    sessions,
    finishSignIn,
    recordAudit,
    newId,
  });
  return { accounts, sessions, accessTokens };
}

function createMaintenance({ db }: Foundation): readonly MaintenanceTask[] {
  const oneTimeTokens = createOneTimeTokenRepository(db);
  return [{ name: 'delete expired one-time tokens', run: () => oneTimeTokens.deleteExpired() }];
}
