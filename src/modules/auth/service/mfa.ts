import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { type MfaStatus, RECOVERY_CODES, TOTP_ENROLMENT_SECONDS } from '../models/mfa.ts';
import type { MfaRepository, OneTimePasswords, Removal } from '../ports/mfa.ts';
import type { UserRecord } from '../ports/users.ts';
import type { NotifyUser } from './factor-notices.ts';
import type { EffectivePolicyOf } from './policies.ts';
import { normalizeRecoveryCode, toRecoveryCode } from './recovery-codes.ts';

export interface MfaDependencies {
  readonly repository: MfaRepository;
  readonly totp: OneTimePasswords;
  readonly keyring: Keyring;
  readonly findUser: (id: string) => Promise<UserRecord | undefined>;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly notify: NotifyUser;
  readonly recordAudit: RecordAudit;
  /** How a recovery code is kept. */
  readonly hashRecoveryCode: (userId: string, code: string) => string;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly now: () => Date;
}

/** Second factors of a person: what there is, setting up, removing. Proving one is service/second-factor.ts. */
export interface Mfa {
  status(principal: Principal): Promise<MfaStatus>;
  /** Begins an enrolment, or begins again; nothing asks for it until it is confirmed. */
  beginTotp(principal: Principal): Promise<{ secret: string; otpauthUri: string }>;
  confirmTotp(principal: Principal, code: string, caller: Caller): Promise<{ recoveryCodes: string[] }>;
  removeTotp(principal: Principal, caller: Caller): Promise<void>;
  renewRecoveryCodes(principal: Principal, caller: Caller): Promise<{ recoveryCodes: string[] }>;
}

const CODE_BYTES = 16;

/** @throws AppError `factor_not_found` or `mfa_required_by_policy` */
export function refuseUnlessRemoved(removal: Removal): void {
  if (removal === 'missing') throw authError('factor_not_found');
  if (removal === 'last')
    throw authError('mfa_required_by_policy', { detail: 'Add another factor before you remove this one.' });
}

export function createMfa(dependencies: MfaDependencies): Mfa {
  const { repository, totp, keyring, effectivePolicy, notify, recordAudit, now } = dependencies;

  const newCodes = (userId: string) => {
    const recoveryCodes = Array.from({ length: RECOVERY_CODES }, () =>
      toRecoveryCode(dependencies.randomBytes(CODE_BYTES)),
    );
    const codeHashes = recoveryCodes.map((code) =>
      dependencies.hashRecoveryCode(userId, normalizeRecoveryCode(code)),
    );
    return { recoveryCodes, codeHashes };
  };
  const record = (principal: Principal, caller: Caller, action: string) =>
    recordAudit({
      ...auditedAs(principal, caller),
      action,
      object: { kind: 'user', id: principal.userId },
      result: 'success',
    });
  const confirmableSecret = async (userId: string) => {
    const credential = await repository.findTotp(userId);
    if (credential?.confirmedAt) throw authError('factor_exists');
    if (!credential || credential.createdAt.getTime() < now().getTime() - TOTP_ENROLMENT_SECONDS * 1000)
      throw authError('factor_not_found', { detail: 'Begin with POST /v1/auth/mfa/totp.' });
    return credential.sealedSecret;
  };

  return {
    async status({ userId }) {
      const [factors, policy] = await Promise.all([repository.factorsOf(userId), effectivePolicy(userId)]);
      const createdAt = factors.totpConfirmedAt?.toISOString() ?? null;
      return {
        totp: { enabled: createdAt !== null, createdAt },
        passkeys: factors.passkeys,
        recoveryCodesLeft: factors.recoveryCodesLeft,
        requiredByPolicy: policy.requireMfa,
      };
    },

    async beginTotp({ userId }) {
      const secret = totp.newSecret();
      const user = await dependencies.findUser(userId);
      if (!(await repository.beginTotp(userId, await keyring.seal(`totp ${userId}`, secret))))
        throw authError('factor_exists', { detail: 'Remove the authenticator app that there is first.' });
      return { secret, otpauthUri: totp.uri(secret, user?.email ?? userId) };
    },

    async confirmTotp(principal, code, caller) {
      const { userId } = principal;
      const sealedSecret = await confirmableSecret(userId);
      const step = totp.matchingStep(await keyring.open(`totp ${userId}`, sealedSecret), code, now());
      if (step === undefined) {
        const reason = 'invalid_code';
        await recordAudit({
          ...auditedAs(principal, caller),
          action: 'totp.enrol',
          result: 'failure',
          reason,
        });
        throw authError(reason);
      }
      const { recoveryCodes, codeHashes } = newCodes(userId);
      if (!(await repository.confirmTotp({ userId, sealedSecret, step, codeHashes })))
        throw authError('factor_exists');
      await record(principal, caller, 'totp.enrol');
      await notify(userId, 'An authenticator app was added: signing in asks for its codes from now on.');
      return { recoveryCodes };
    },

    async removeTotp(principal, caller) {
      const { userId } = principal;
      const { requireMfa } = await effectivePolicy(userId);
      refuseUnlessRemoved(await repository.removeTotp(userId, requireMfa));
      await record(principal, caller, 'totp.remove');
      await notify(userId, 'The authenticator app was removed from your account.');
    },

    async renewRecoveryCodes(principal, caller) {
      const { userId } = principal;
      const { recoveryCodes, codeHashes } = newCodes(userId);
      if (!(await repository.replaceRecoveryCodes(userId, codeHashes)))
        throw authError('factor_not_found', { detail: 'Set up an authenticator app or a passkey first.' });
      await record(principal, caller, 'recovery-codes.create');
      await notify(userId, 'New recovery codes were made; the old ones do not work any more.');
      return { recoveryCodes };
    },
  };
}
