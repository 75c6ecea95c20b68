import { newId } from '../../../core/database/columns.ts';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { createBreachedPasswords } from '../adapters/breached-passwords.ts';
import { createCommonPasswords } from '../adapters/common-passwords.ts';
import { createOtpauth } from '../adapters/otpauth.ts';
import { createWebAuthn } from '../adapters/webauthn.ts';
import { PRODUCT_NAME } from '../models/mfa.ts';
import { createAccountDataRepository } from '../repository/account-data.ts';
import { createAccountRepository } from '../repository/accounts.ts';
import { createAdminUserRepository } from '../repository/admin-users.ts';
import { createEmailAddressRepository } from '../repository/email-addresses.ts';
import { createInvitationRepository } from '../repository/invitations.ts';
import { createMfaRepository } from '../repository/mfa.ts';
import { createPasskeyRepository } from '../repository/passkeys.ts';
import { createPasswordRepository } from '../repository/passwords.ts';
import { createSessionRepository } from '../repository/sessions.ts';
import { createAccountData } from '../service/account-data.ts';
import { type AdminUserService, createAdminUsers } from '../service/admin-users.ts';
import { createEmailAddresses } from '../service/email-addresses.ts';
import { createNotifyUser } from '../service/factor-notices.ts';
import { createAcceptsInvitation } from '../service/invitations.ts';
import { createLinkTo } from '../service/links.ts';
import { createMfa } from '../service/mfa.ts';
import { createMfaSignIn } from '../service/mfa-sign-in.ts';
import { createPasskeyAssertions } from '../service/passkey-assertions.ts';
import { createPasskeys } from '../service/passkeys.ts';
import { createCheckNewPassword } from '../service/password-rules.ts';
import { createPasswordChanges } from '../service/passwords.ts';
import { createProvePassword } from '../service/prove-password.ts';
import { createRegister } from '../service/registration.ts';
import { createSecondFactor } from '../service/second-factor.ts';
import type { Sessions } from '../service/sessions.ts';
import { createFinishSignIn } from '../service/sign-in.ts';
import type { Foundation } from './foundation.ts';

export function createAccountRooms(foundation: Foundation, sessions: Sessions) {
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

/** Second factors, and passkeys as first ones; what they are asked for after, `finishSignIn`, comes with them. */
export function createFactors(foundation: Foundation, sessions: Sessions) {
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
  const hasSecondFactor = async (userId: string) => {
    const factors = await repository.factorsOf(userId);
    return factors.totpConfirmedAt !== null || factors.passkeys > 0;
  };
  return { finishSignIn, secondFactor, hasSecondFactor, services: { mfa, mfaSignIn, passkeys } };
}

export function createUserAdministration({ db, emails, recordAudit }: Foundation): AdminUserService {
  return createAdminUsers({
    repository: createAdminUserRepository(db),
    sessions: createSessionRepository(db),
    emails,
    recordAudit,
  });
}
