import type { RateLimiter } from '../../core/cache/rate-limiter.ts';
import { pingRedis } from '../../core/cache/upstash-ping.ts';
import { parseConfig } from '../../core/config/config.ts';
import { newId } from '../../core/database/columns.ts';
import { checkDatabase } from '../../core/database/latest-migration.ts';
import type { Guard } from '../../core/http/authorize.ts';
import type { DependencyChecks } from '../../core/http/health.ts';
import { hashSecret, newSecret } from '../../core/security/secret.ts';
import type { Logger } from '../../core/telemetry/logger.ts';
import { deviceOf } from './adapters/bowser-devices.ts';
import { authConfigSchema } from './config.ts';
import { createAccountRooms, createFactors, createUserAdministration } from './dependencies/accounts.ts';
import { createAdministration } from './dependencies/administration.ts';
import { createFoundation, type Foundation } from './dependencies/foundation.ts';
import { createMaintenance, type MaintenanceTask } from './dependencies/maintenance.ts';
import { createOauthServices, createOidcServices, createPrograms } from './dependencies/programs.ts';
import { createWorkspaceRooms } from './dependencies/workspaces.ts';
import type { AccessTokens } from './ports/sessions.ts';
import { createAccountRepository } from './repository/accounts.ts';
import { createKnownNetworks } from './repository/known-networks.ts';
import { createRefreshTokenRepository } from './repository/refresh-tokens.ts';
import { createSessionRepository } from './repository/sessions.ts';
import type { AccountData } from './service/account-data.ts';
import { type Accounts, createAccounts } from './service/accounts.ts';
import type { AdminUserService } from './service/admin-users.ts';
import type { ApiKeys } from './service/api-keys.ts';
import type { Audit } from './service/audit.ts';
import type { EmailAddresses } from './service/email-addresses.ts';
import type { EmailDelivery } from './service/email-delivery.ts';
import type { Emails } from './service/emails.ts';
import type { FlagAdministration } from './service/flags.ts';
import type { Groups } from './service/groups.ts';
import type { IdentityProviders } from './service/identity-providers.ts';
import type { Invitations } from './service/invitations.ts';
import { createLoginThrottle } from './service/login-throttle.ts';
import type { Members } from './service/members.ts';
import type { Mfa } from './service/mfa.ts';
import type { MfaSignIn } from './service/mfa-sign-in.ts';
import type { Oauth } from './service/oauth.ts';
import type { Oidc } from './service/oidc.ts';
import type { Passkeys } from './service/passkeys.ts';
import type { PasswordChanges } from './service/passwords.ts';
import type { ExplainPermissions } from './service/permissions.ts';
import type { PolicyRules } from './service/policy-rules.ts';
import type { Roles } from './service/roles.ts';
import type { ServiceAccounts } from './service/service-accounts.ts';
import { createSessions, createTokenHand, type Sessions } from './service/sessions.ts';
import type { SettingsAdministration } from './service/settings.ts';
import type { SigningKeys } from './service/signing-keys.ts';
import { createStepUp, type StepUp } from './service/step-up.ts';
import type { Workspaces } from './service/workspaces.ts';

/** The use cases of the module, one per room, for handlers. */
export interface AuthServices {
  readonly accounts: Accounts;
  readonly apiKeys: ApiKeys;
  readonly serviceAccounts: ServiceAccounts;
  readonly emailAddresses: EmailAddresses;
  readonly passwords: PasswordChanges;
  readonly accountData: AccountData;
  readonly adminUsers: AdminUserService;
  readonly sessions: Sessions;
  readonly stepUp: StepUp;
  readonly signingKeys: SigningKeys;
  readonly oidc: Oidc;
  readonly oauth: Oauth;
  readonly identityProviders: IdentityProviders;
  readonly accessTokens: AccessTokens;
  readonly mfa: Mfa;
  readonly mfaSignIn: MfaSignIn;
  readonly passkeys: Passkeys;
  readonly audit: Audit;
  readonly flags: FlagAdministration;
  readonly settings: SettingsAdministration;
  readonly workspaces: Workspaces;
  readonly members: Members;
  readonly groups: Groups;
  readonly invitations: Invitations;
  readonly roles: Roles;
  readonly policyRules: PolicyRules;
  readonly explainPermissions: ExplainPermissions;
}

export interface AuthDependencies {
  readonly services: AuthServices;
  readonly guard: Guard;
  readonly limiter: RateLimiter;
  readonly emails: Pick<Emails, 'prepared'> & Pick<EmailDelivery, 'deliver'>;
  /** What the cron does, once a minute; each is short, may fail by itself, and may run twice at once. */
  readonly maintenance: readonly MaintenanceTask[];
  readonly logger: Logger;
  readonly checks: DependencyChecks;
}

export function createAuthDependencies(env: object): AuthDependencies {
  const foundation = createFoundation(parseConfig('auth', authConfigSchema, env));
  const { db } = foundation;
  return {
    services: createServices(foundation),
    guard: foundation.guard,
    limiter: foundation.limiter,
    emails: { prepared: foundation.emails.prepared, deliver: foundation.outbox.deliver },
    maintenance: createMaintenance(foundation),
    logger: foundation.logger,
    checks: {
      postgres: { isRequired: true, ask: () => checkDatabase(db) },
      redis: { isRequired: false, ask: () => pingRedis(foundation.config) },
    },
  };
}

function createServices(foundation: Foundation): AuthServices {
  const { config, db, keyring, accessTokens, passwords, recordAudit } = foundation;
  const sessions = createSessions({
    repository: createSessionRepository(db),
    refreshTokens: createRefreshTokenRepository(db),
    accessTokens,
    keyring,
    effectivePolicy: foundation.effectivePolicy,
    deviceOf,
    newId,
    newSecret,
    hashSecret,
    graceSeconds: config.REFRESH_GRACE_SECONDS,
  });
  const factors = createFactors(foundation, sessions);
  const { finishSignIn } = factors;
  const accountRooms = createAccountRooms(foundation, sessions);
  const accounts = createAccounts({
    repository: createAccountRepository(db),
    register: accountRooms.register,
    passwords,
    finishSignIn,
    registrationMode: foundation.signInMode,
    loginThrottle: createLoginThrottle({
      limiter: foundation.limiter,
      knownNetworks: createKnownNetworks(db),
      effectivePolicy: foundation.effectivePolicy,
      hashSecret,
    }),
    recordAudit,
  });
  const stepUp = createStepUp({
    repository: createSessionRepository(db),
    passwords,
    verifySecondFactor: factors.secondFactor.spendCode,
    hasSecondFactor: factors.hasSecondFactor,
    limiter: foundation.limiter,
    recordAudit,
    hand: createTokenHand(accessTokens),
    newId,
    newSecret,
    hashSecret,
  });
  return {
    ...createPrograms(foundation),
    ...createWorkspaceRooms(foundation),
    ...createAdministration(foundation),
    adminUsers: createUserAdministration(foundation),
    ...factors.services,
    ...accountRooms.services,
    accounts,
    sessions,
    stepUp,
    signingKeys: foundation.signingKeys,
    accessTokens,
    ...createOidcServices(foundation, finishSignIn),
    oauth: createOauthServices(foundation, { accounts, sessions, mfaSignIn: factors.services.mfaSignIn }),
  };
}
