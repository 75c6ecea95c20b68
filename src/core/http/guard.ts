import type { RateLimiter } from '../cache/rate-limiter.ts';
import type { Fetcher } from '../config/config.ts';
import { appendAudit } from '../database/audit.ts';
import { createAuthorities } from '../database/authority.ts';
import type { Database } from '../database/client.ts';
import { createAccessTokenVerifier } from '../security/access-token.ts';
import { createAuthenticator } from '../security/authenticator.ts';
import type { Guard } from './authorize.ts';

export interface GuardOptions {
  readonly config: { readonly AUTH_ISSUER: string; readonly AUTH_AUDIENCE: string };
  readonly db: Database;
  readonly limiter: RateLimiter;
  /** Where the public keys are: the auth module. */
  readonly auth: Fetcher;
}

/** How every module lets people in: token or key, authority from the database, refusals and agents audited. */
export function createGuard({ config, db, limiter, auth }: GuardOptions): Guard {
  return {
    authenticator: createAuthenticator({
      verifier: createAccessTokenVerifier({
        issuer: config.AUTH_ISSUER,
        audience: config.AUTH_AUDIENCE,
        auth,
        now: Date.now,
      }),
      authorities: createAuthorities(db),
      now: Date.now,
    }),
    limiter,
    recordAudit: async (entry) => {
      await appendAudit(db, entry);
    },
    publicOrigin: new URL(config.AUTH_ISSUER).origin,
    now: Date.now,
  };
}
