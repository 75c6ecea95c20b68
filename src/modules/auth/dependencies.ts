import type { z } from 'zod';
import { SETTINGS } from '../../contracts/settings.ts';
import { type RateLimiter, scaleLimits } from '../../core/cache/rate-limiter.ts';
import { createUpstashRateLimiter } from '../../core/cache/upstash-rate-limiter.ts';
import { parseConfig } from '../../core/config/config.ts';
import { settingsOf } from '../../core/config/settings.ts';
import { createAuditLog } from '../../core/database/audit-log.ts';
import { createDatabase, type Database } from '../../core/database/client.ts';
import { idPattern, newId } from '../../core/database/columns.ts';
import { readFlags, workspacesOf } from '../../core/database/flags.ts';
import { readSettings } from '../../core/database/settings.ts';
import { createFlags } from '../../core/flags/flags.ts';
import { AppError } from '../../core/http/app-error.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import { newApiKey } from '../../core/security/api-key.ts';
import { createKeyring, type Keyring } from '../../core/security/keyring.ts';
import { hashSecret, newSecret } from '../../core/security/secret.ts';
import { createLogger, type Logger } from '../../core/telemetry/logger.ts';
import { createAuditSigner } from './adapters/audit-signer.ts';
import { deviceOf } from './adapters/bowser-devices.ts';
import { createBreachedPasswords } from './adapters/breached-passwords.ts';
import { createCommonPasswords } from './adapters/common-passwords.ts';
import { createHttpMailer } from './adapters/http-mailer.ts';
import { createJoseTokens, newSigningKey } from './adapters/jose-tokens.ts';
import { createOidcClient } from './adapters/oidc-client.ts';
import { createOtpauth } from './adapters/otpauth.ts';
import { createPacedPasswords } from './adapters/paced-passwords.ts';
import { createScryptPasswords } from './adapters/scrypt-passwords.ts';
import { createWebAuthn } from './adapters/webauthn.ts';
import { type AuthConfig, authConfigSchema } from './config.ts';
import { PRODUCT_NAME } from './models/mfa.ts';
import type { EffectivePolicy } from './models/policies.ts';
import { PASSWORD_MIN } from './models/sign-in.ts';
import type { AccessTokens } from './ports/sessions.ts';
import { createAccountDataRepository } from './repository/account-data.ts';
import { createAccountRepository } from './repository/accounts.ts';
import { createAdminUserRepository } from './repository/admin-users.ts';
import { createApiKeyRepository } from './repository/api-keys.ts';
import { createAuditKeyStore } from './repository/audit.ts';
import { createEmailAddressRepository } from './repository/email-addresses.ts';
import { createEmailRepository } from './repository/emails.ts';
import { createFlagRepository } from './repository/flags.ts';
import { createGroupRepository } from './repository/groups.ts';
import { createInvitationRepository } from './repository/invitations.ts';
import { createKnownNetworks } from './repository/known-networks.ts';
import { createMemberRepository } from './repository/members.ts';
import { createMfaRepository } from './repository/mfa.ts';
import { createOauthClientRepository } from './repository/oauth-clients.ts';
import { createDeviceCodeRepository } from './repository/oauth-devices.ts';
import { createOauthGrantRepository } from './repository/oauth-grants.ts';
import { createOidcRepository } from './repository/oidc.ts';
import { createOneTimeTokenRepository } from './repository/one-time-tokens.ts';
import { createPasskeyRepository } from './repository/passkeys.ts';
import { createPasswordRepository } from './repository/passwords.ts';
import { createPermissionRepository } from './repository/permissions.ts';
import { createPolicyRepository } from './repository/policies.ts';
import { createRefreshTokenRepository } from './repository/refresh-tokens.ts';
import { createRoleRepository } from './repository/roles.ts';
import { createSealedColumns } from './repository/sealed-columns.ts';
import { createServiceAccountRepository } from './repository/service-accounts.ts';
import { createSessionRepository } from './repository/sessions.ts';
import { createSettingsRepository } from './repository/settings.ts';
import { createSigningKeyRepository } from './repository/signing-keys.ts';
import { createWorkspaceAuthorities } from './repository/workspace-authorities.ts';
import { createWorkspaceRepository } from './repository/workspaces.ts';
import { type AccountData, createAccountData } from './service/account-data.ts';
import { type Accounts, createAccounts } from './service/accounts.ts';
import { type AdminUserService, createAdminUsers } from './service/admin-users.ts';
import { type ApiKeys, createApiKeys } from './service/api-keys.ts';
import { type Audit, createAudit } from './service/audit.ts';
import { createAuditSealer } from './service/audit-sealer.ts';
import { createEmailAddresses, type EmailAddresses } from './service/email-addresses.ts';
import { createEmailDelivery, type EmailDelivery } from './service/email-delivery.ts';
import { createEmails, type Emails } from './service/emails.ts';
import { createNotifyUser } from './service/factor-notices.ts';
import { createFlagAdministration, type FlagAdministration } from './service/flags.ts';
import { createGroups, type Groups } from './service/groups.ts';
import { createIdentityProviders, type IdentityProviders } from './service/identity-providers.ts';
import { createAcceptsInvitation, createInvitations, type Invitations } from './service/invitations.ts';
import { createLinkTo } from './service/links.ts';
import { createLoginThrottle } from './service/login-throttle.ts';
import { createMembers, type Members } from './service/members.ts';
import { createMfa, type Mfa } from './service/mfa.ts';
import { createMfaSignIn, type MfaSignIn } from './service/mfa-sign-in.ts';
import { createOauth, type Oauth } from './service/oauth.ts';
import { createOidc, type Oidc } from './service/oidc.ts';
import { createOneTimeTokens } from './service/one-time-tokens.ts';
import { createPasskeyAssertions } from './service/passkey-assertions.ts';
import { createPasskeys, type Passkeys } from './service/passkeys.ts';
import { createCheckNewPassword } from './service/password-rules.ts';
import { createPasswordChanges, type PasswordChanges } from './service/passwords.ts';
import { createExplainPermissions, type ExplainPermissions } from './service/permissions.ts';
import { createEffectivePolicy } from './service/policies.ts';
import { createPolicyRules, type PolicyRules } from './service/policy-rules.ts';
import { createProvePassword } from './service/prove-password.ts';
import { createRegister } from './service/registration.ts';
import { createRegistrationMode, createSignInMode } from './service/registration-mode.ts';
import { createReseal } from './service/reseal.ts';
import { createRoles, type Roles } from './service/roles.ts';
import { createSecondFactor, typedProof } from './service/second-factor.ts';
import { createServiceAccounts, type ServiceAccounts } from './service/service-accounts.ts';
import { createSessions, createTokenHand, type Sessions } from './service/sessions.ts';
import { createSettingsAdministration, type SettingsAdministration } from './service/settings.ts';
import { createFinishSignIn, createNextFactor, type FinishSignIn } from './service/sign-in.ts';
import { createSigningKeys, type SigningKeys } from './service/signing-keys.ts';
import { createStepUp, type StepUp } from './service/step-up.ts';
import { createRequireInWorkspace } from './service/workspace-authority.ts';
import { createWorkspaces, type Workspaces } from './service/workspaces.ts';

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

export interface MaintenanceTask {
  readonly name: string;
  run(): Promise<void>;
}

export interface AuthDependencies {
  readonly services: AuthServices;
  readonly guard: Guard;
  readonly limiter: RateLimiter;
  readonly emails: Pick<Emails, 'prepared'> & Pick<EmailDelivery, 'deliver'>;
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
    limiter: foundation.limiter,
    emails: { prepared: foundation.emails.prepared, deliver: foundation.outbox.deliver },
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
    limiter: scaleLimits(createUpstashRateLimiter(config, logger), config.RATE_LIMIT_SCALE),
    passwords: createPacedPasswords(createScryptPasswords(), {
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
function policyDefaults(config: AuthConfig): EffectivePolicy {
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

function createAuditParts({ db, keyring, now, logger }: Foundation) {
  const log = createAuditLog(db);
  const signer = createAuditSigner({ store: createAuditKeyStore(db), keyring, now });
  return { log, signer, sealer: createAuditSealer({ log, signer, now, logger }) };
}

function createAdministration(foundation: Foundation) {
  const { db, recordAudit } = foundation;
  const requireInWorkspace = createRequireInWorkspace(createWorkspaceAuthorities(db));
  return {
    audit: createAudit({ ...createAuditParts(foundation), requireInWorkspace, recordAudit }),
    flags: createFlagAdministration(createFlagRepository(db)),
    settings: createSettingsAdministration(createSettingsRepository(db)),
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

/** Who calls without being a person. */
function createPrograms({ db }: Foundation) {
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

function createOauthServices(
  foundation: Foundation,
  rooms: Pick<AuthServices, 'accounts' | 'sessions' | 'mfaSignIn'>,
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

/** Second factors, and passkeys as first ones; what they are asked for after, `finishSignIn`, comes with them. */
function createFactors(foundation: Foundation, sessions: Sessions) {
  const { config, db, keyring, now, recordAudit, emails, limiter, effectivePolicy, oneTimeTokens } =
    foundation;
  const repository = createMfaRepository(db);
  const passkeyRepository = createPasskeyRepository(db);
  const { findUser } = createAccountRepository(db);
  const totp = createOtpauth(PRODUCT_NAME);
  const { hostname, origin } = new URL(config.AUTH_ISSUER);
  const origins = [origin, ...config.WEBAUTHN_ORIGINS];
  const webauthn = createWebAuthn({ id: hostname, name: PRODUCT_NAME, origins });
  const shared = {
    keyring,
    totp,
    findUser,
    recordAudit,
    notify: createNotifyUser({ findUser, emails }),
    now,
  };
  const hashRecoveryCode = (userId: string, code: string) => hashSecret(`${userId} ${code}`);
  const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));

  const assertions = createPasskeyAssertions({ ...shared, repository: passkeyRepository, webauthn });
  const secondFactor = createSecondFactor({
    ...shared,
    repository,
    passkeys: assertions,
    limiter,
    hashRecoveryCode,
  });
  const mfaSignIn = createMfaSignIn({
    repository,
    passkeys: passkeyRepository,
    webauthn,
    secondFactor,
    oneTimeTokens,
    sessions,
    findUser,
    hashSecret,
  });
  const finishSignIn = createFinishSignIn({
    sessions,
    challengeSecondFactor: mfaSignIn.challengeSecondFactor,
  });
  const mfa = createMfa({ ...shared, repository, effectivePolicy, hashRecoveryCode, randomBytes });
  const passkeys = createPasskeys({
    ...shared,
    repository: passkeyRepository,
    webauthn,
    assertions,
    oneTimeTokens,
    finishSignIn,
    effectivePolicy,
    hashSecret,
    newId,
  });
  return { finishSignIn, secondFactor, services: { mfa, mfaSignIn, passkeys } };
}

function createUserAdministration({ db, emails, recordAudit }: Foundation): AdminUserService {
  return createAdminUsers({
    repository: createAdminUserRepository(db),
    sessions: createSessionRepository(db),
    emails,
    recordAudit,
  });
}

function createAccountRooms(foundation: Foundation, sessions: Sessions) {
  const { config, db, logger, passwords, effectivePolicy, emails, limiter, recordAudit, now } = foundation;
  const accounts = createAccountRepository(db);
  const url = config.PASSWORD_BREACH_URL;
  const checkNewPassword = createCheckNewPassword({
    common: createCommonPasswords(),
    breached: url === undefined ? undefined : createBreachedPasswords({ url, logger }),
    host: new URL(config.AUTH_ISSUER).hostname,
  });
  const shared = {
    ...{ accounts, passwords, checkNewPassword, effectivePolicy, emails, limiter, recordAudit },
    ...{ oneTimeTokens: foundation.oneTimeTokens, newSecret, hashSecret, now },
    linkTo: createLinkTo(config.EMAIL_LINK_BASE ?? config.AUTH_ISSUER),
    provePassword: createProvePassword({ passwords, limiter, recordAudit }),
  };
  const register = createRegister({
    ...shared,
    repository: accounts,
    registrationMode: foundation.registrationMode,
    acceptsInvitation: createAcceptsInvitation(createInvitationRepository(db), hashSecret),
    sessions,
    newId,
  });
  return {
    register,
    services: {
      emailAddresses: createEmailAddresses({ ...shared, repository: createEmailAddressRepository(db) }),
      passwords: createPasswordChanges({ ...shared, repository: createPasswordRepository(db) }),
      accountData: createAccountData({ ...shared, repository: createAccountDataRepository(db) }),
    },
  };
}

function createWorkspaceRooms({ config, db, emails, limiter, now }: Foundation) {
  const requireInWorkspace = createRequireInWorkspace(createWorkspaceAuthorities(db));
  const workspaces = createWorkspaceRepository(db);
  const policies = createPolicyRepository(db);
  const shared = { requireInWorkspace, limiter, newId };
  return {
    workspaces: createWorkspaces({ ...shared, repository: workspaces }),
    members: createMembers({ ...shared, repository: createMemberRepository(db) }),
    groups: createGroups({ ...shared, repository: createGroupRepository(db) }),
    invitations: createInvitations({
      ...{ ...shared, workspaces, emails, newSecret, hashSecret, now },
      repository: createInvitationRepository(db),
      linkTo: createLinkTo(config.EMAIL_LINK_BASE ?? config.AUTH_ISSUER),
    }),
    roles: createRoles({ ...shared, repository: createRoleRepository(db) }),
    policyRules: createPolicyRules({ ...shared, repository: policies }),
    explainPermissions: createExplainPermissions({
      repository: createPermissionRepository(db),
      policies,
      defaults: policyDefaults(config),
    }),
  };
}

function createOidcServices(foundation: Foundation, finishSignIn: FinishSignIn) {
  const { config, db, keyring, logger, emails, effectivePolicy, oneTimeTokens } = foundation;
  const repository = createOidcRepository(db);
  const { findUser, findUserByEmail } = createAccountRepository(db);
  const allowInsecure = config.ENVIRONMENT === 'local' || config.ENVIRONMENT === 'test';
  const oidc = createOidc({
    repository,
    client: createOidcClient({ keyring, logger, now: Date.now, allowInsecure }),
    oneTimeTokens,
    finishSignIn,
    emails,
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

/** Of programs that registered themselves and that nobody has a grant for. */
const UNUSED_CLIENT_DAYS = 90;

function createMaintenance(foundation: Foundation): readonly MaintenanceTask[] {
  const { config, db, keyring, outbox, settings, signingKeys } = foundation;
  const { sealer } = createAuditParts(foundation);
  const oneTimeTokens = createOneTimeTokenRepository(db);
  return [
    { name: 'send e-mails that are due', run: () => outbox.deliver() },
    { name: 'clean up the outbox of e-mails', run: () => outbox.cleanUp() },
    { name: 'rotate the signing key', run: () => signingKeys.rotateIfDue() },
    {
      name: 'seal anew under the current key',
      run: createReseal({ keyring, columns: createSealedColumns(db) }),
    },
    { name: 'delete sessions that ended long ago', run: () => createSessionRepository(db).deleteEnded() },
    { name: 'delete old invitations', run: () => createInvitationRepository(db).deleteOld() },
    { name: 'delete expired device codes', run: () => createDeviceCodeRepository(db).deleteExpired() },
    {
      name: 'delete OAuth clients that nobody uses',
      run: () => createOauthClientRepository(db).deleteUnused(UNUSED_CLIENT_DAYS),
    },
    { name: 'delete expired one-time tokens', run: () => oneTimeTokens.deleteExpired() },
    { name: 'seal the audit log', run: () => sealer.seal() },
    {
      name: 'delete old entries of the audit log',
      run: async () => sealer.prune((await settings()).auditRetentionDays ?? config.AUDIT_RETENTION_DAYS),
    },
  ];
}
