import { idPattern, newId } from '../../../core/database/columns.ts';
import { AppError } from '../../../core/http/app-error.ts';
import { newApiKey } from '../../../core/security/api-key.ts';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { createOidcClient } from '../adapters/oidc-client.ts';
import { createAccountRepository } from '../repository/accounts.ts';
import { createApiKeyRepository } from '../repository/api-keys.ts';
import { createOauthClientRepository } from '../repository/oauth-clients.ts';
import { createDeviceCodeRepository } from '../repository/oauth-devices.ts';
import { createOauthGrantRepository } from '../repository/oauth-grants.ts';
import { createOidcRepository } from '../repository/oidc.ts';
import { createServiceAccountRepository } from '../repository/service-accounts.ts';
import { createWorkspaceAuthorities } from '../repository/workspace-authorities.ts';
import type { Accounts } from '../service/accounts.ts';
import { createApiKeys } from '../service/api-keys.ts';
import { createIdentityProviders } from '../service/identity-providers.ts';
import type { MfaSignIn } from '../service/mfa-sign-in.ts';
import { createOauth, type Oauth } from '../service/oauth.ts';
import { createOidc } from '../service/oidc.ts';
import { typedProof } from '../service/second-factor.ts';
import { createServiceAccounts } from '../service/service-accounts.ts';
import type { Sessions } from '../service/sessions.ts';
import { createNextFactor, type FinishSignIn } from '../service/sign-in.ts';
import { createRequireInWorkspace } from '../service/workspace-authority.ts';
import type { Foundation } from './foundation.ts';

/** Who calls without being a person. */
export function createPrograms({ db }: Foundation) {
  const serviceAccounts = createServiceAccounts({
    repository: createServiceAccountRepository(db),
    requireInWorkspace: createRequireInWorkspace(createWorkspaceAuthorities(db)),
    newId,
  });
  const repository = createApiKeyRepository(db);
  return {
    serviceAccounts,
    apiKeys: createApiKeys({ repository, serviceAccounts, newId, newApiKey, hashSecret }),
  };
}

export function createOauthServices(
  foundation: Foundation,
  rooms: { readonly accounts: Accounts; readonly sessions: Sessions; readonly mfaSignIn: MfaSignIn },
): Oauth {
  const { config, db, now, guard, recordAudit, oneTimeTokens, effectivePolicy } = foundation;
  const nextFactor = createNextFactor(rooms.mfaSignIn.challengeSecondFactor);
  return createOauth({
    clientRepository: createOauthClientRepository(db),
    grantRepository: createOauthGrantRepository(db),
    deviceRepository: createDeviceCodeRepository(db),
    factors: {
      verifyPassword: async (input, caller) => {
        const user = await rooms.accounts.verifyPassword(input, caller);
        const challenge = await nextFactor(user, ['pwd']);
        return challenge ? { done: false, challenge } : { done: true, user, methods: ['pwd'] };
      },
      verifySecondFactor: ({ mfaToken, code }, caller) =>
        rooms.mfaSignIn.redeem({ mfaToken, ...typedProof(code) }, caller),
    },
    sessions: rooms.sessions,
    principalOf: (accessToken, { address }) =>
      unlessUnauthorized(guard.authenticator.authenticate(accessToken, address)),
    oneTimeTokens,
    effectivePolicy,
    recordAudit,
    newId,
    newSecret,
    hashSecret,
    isClientId: (text) => idPattern('cli').test(text),
    now,
    issuer: config.AUTH_ISSUER,
  });
}

/** Undefined for a credential that is no good; an outage stays one. */
async function unlessUnauthorized<Value>(value: Promise<Value>): Promise<Value | undefined> {
  return value.catch((error: unknown) => {
    if (error instanceof AppError && error.definition.status === 401) return undefined;
    throw error;
  });
}

export function createOidcServices(foundation: Foundation, finishSignIn: FinishSignIn) {
  const { config, db, keyring, logger, emails, limiter, effectivePolicy, oneTimeTokens } = foundation;
  const repository = createOidcRepository(db);
  const { findUser, findUserByEmail } = createAccountRepository(db);
  const allowInsecure = config.ENVIRONMENT === 'local' || config.ENVIRONMENT === 'test';
  const oidc = createOidc({
    repository,
    client: createOidcClient({ keyring, logger, now: Date.now, allowInsecure }),
    oneTimeTokens,
    finishSignIn,
    emails,
    limiter,
    findUser,
    findUserByEmail,
    admitsNewUser: async (email) => {
      const { allowedEmailDomains: domains } = await effectivePolicy(null);
      const mode = await foundation.registrationMode();
      const admits = mode === 'open' || mode === 'confirmed';
      return (
        admits && (domains.length === 0 || domains.includes(email.split('@').at(-1)?.toLowerCase() ?? ''))
      );
    },
    newId,
    newSecret,
    hashSecret,
    issuer: config.AUTH_ISSUER,
    linkBase: config.EMAIL_LINK_BASE ?? config.AUTH_ISSUER,
    returnUrls: config.OIDC_RETURN_URLS,
  });
  return { oidc, identityProviders: createIdentityProviders({ repository, keyring, allowInsecure }) };
}
