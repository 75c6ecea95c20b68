import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  accessTokenConfigSchema,
  databaseConfigSchema,
  parseConfig,
  runtimeConfigSchema,
} from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import { type AccessTokenVerifier, createAccessTokenVerifier } from '../../core/security/access-token.ts';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createJoseTokens } from './adapters/jose-tokens.ts';
import { createScryptPasswords } from './adapters/scrypt-passwords.ts';
import { signingKeysSchema } from './models.ts';
import { createAuthRepository } from './repository.ts';
import { type AuthService, createAuthService } from './service.ts';

const DAY = 24 * 60 * 60;

const jsonSchema = z.string().transform((text, context) => {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    context.addIssue('must be JSON');
    return z.NEVER;
  }
});

export const authConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...accessTokenConfigSchema.shape,
  /** Secret: a JSON Web Key Set of private Ed25519 keys; the first one signs. */
  AUTH_SIGNING_KEYS: jsonSchema.pipe(signingKeysSchema),
  ACCESS_TOKEN_SECONDS: z.coerce.number().int().min(1).max(86_400).default(300),
  REFRESH_TOKEN_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(30 * DAY),
  SESSION_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(90 * DAY),
});

export interface AuthDependencies {
  readonly service: AuthService;
  readonly verifier: AccessTokenVerifier;
  readonly check: () => Promise<void>;
}

export function createAuthDependencies(env: object): AuthDependencies {
  const config = parseConfig('auth', authConfigSchema, env);
  const logger = createLogger(config.LOG_LEVEL, { module: 'auth' });
  const accessTokens = createJoseTokens({
    keys: config.AUTH_SIGNING_KEYS,
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    lifetimeSeconds: config.ACCESS_TOKEN_SECONDS,
  });
  const db = createDatabase(config);
  const service = createAuthService({
    repository: createAuthRepository(db),
    passwords: createScryptPasswords(),
    accessTokens,
    newId,
    newSecret: () => toBase64Url(crypto.getRandomValues(new Uint8Array(32))),
    hashSecret: (secret) => createHash('sha256').update(secret).digest('base64url'),
    now: () => new Date(),
    refreshSeconds: config.REFRESH_TOKEN_SECONDS,
    sessionSeconds: config.SESSION_SECONDS,
    onRefreshReuse: (requestId) => logger.warn('refresh token refused, session revoked', { requestId }),
  });
  const verifier = createAccessTokenVerifier({
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    auth: { fetch: async () => Response.json(service.publicKeys()) },
    now: Date.now,
  });
  const check = async () => {
    await db.execute('select 1');
  };
  return { service, verifier, check };
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}
