import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { TOTP_PER_USER, TOTP_PER_USER_DAY } from '../limits.ts';
import { totpCodeSchema } from '../models/mfa.ts';
import type { AuthenticationResponse } from '../models/passkeys.ts';
import type { MfaRepository, OneTimePasswords } from '../ports/mfa.ts';
import type { NotifyUser } from './factor-notices.ts';
import type { PasskeyAssertions } from './passkey-assertions.ts';
import { normalizeRecoveryCode } from './recovery-codes.ts';
import type { Method } from './sign-in.ts';

/** What a person sends to prove a second factor; `challenge` is what the passkey was asked. */
export type Proof =
  | { readonly code: string }
  | { readonly recoveryCode: string }
  | { readonly passkey: AuthenticationResponse; readonly challenge: string };
export type SecondFactorMethod = Extract<Method, 'otp' | 'rec' | 'hwk'>;

export interface SecondFactor {
  /**
   * Proves a second factor of a user, and spends it.
   * @throws AppError `invalid_code`, or `too_many_requests`
   */
  prove(userId: string, proof: Proof, caller: Caller): Promise<SecondFactorMethod>;
  /**
   * True when it is the code of the user's authenticator app, which is spent by that. Neither counted nor audited:
   * for calls that do both themselves.
   */
  spendCode(userId: string, code: string): Promise<boolean>;
}

/** What a person typed into one field for both: six digits are a code, all else is a recovery code. */
export function typedProof(text: string): { readonly code: string } | { readonly recoveryCode: string } {
  const code = totpCodeSchema.safeParse(text.trim());
  return code.success ? { code: code.data } : { recoveryCode: text };
}

export interface SecondFactorDependencies {
  readonly repository: MfaRepository;
  readonly totp: OneTimePasswords;
  readonly keyring: Keyring;
  readonly passkeys: PasskeyAssertions;
  readonly limiter: RateLimiter;
  readonly notify: NotifyUser;
  readonly recordAudit: RecordAudit;
  readonly hashRecoveryCode: (userId: string, code: string) => string;
  readonly now: () => Date;
}

export function createSecondFactor(dependencies: SecondFactorDependencies): SecondFactor {
  const { repository, notify, recordAudit } = dependencies;

  const record = (
    userId: string,
    caller: Caller,
    entry: { action: string; result: 'success' | 'failure' | 'denied'; reason?: string; method: string },
  ) => {
    const { action, result, reason = null, method } = entry;
    return recordAudit({
      actor: { kind: result === 'success' ? 'person' : 'anonymous', id: userId },
      action,
      object: { kind: 'user', id: userId },
      result,
      reason,
      address: caller.address,
      requestId: caller.requestId,
      details: { method },
    });
  };

  async function proveOtp(userId: string, code: string, caller: Caller): Promise<boolean> {
    const left = await countTry(userId, caller);
    if (await spendCode(dependencies, userId, code)) {
      await Promise.all(LIMITS.map((limit) => dependencies.limiter.forget(limit, userId)));
      return true;
    }
    if (left === 0)
      await notify(
        userId,
        'Somebody entered wrong codes of your authenticator app many times. Whoever it was knows your password or has a session of yours: if it was not you, change the password.',
      );
    return false;
  }

  /** @returns tries left; only codes of six digits can be guessed, so only they are counted. */
  async function countTry(userId: string, caller: Caller): Promise<number> {
    const claims = LIMITS.map((limit) => ({ limit, key: userId }));
    const decisions = await dependencies.limiter.consumeAll(claims);
    if (decisions.some(({ allowed }) => !allowed)) {
      const reason = 'too_many_requests';
      await record(userId, caller, { action: 'mfa.verify', result: 'denied', reason, method: 'otp' });
    }
    refuseOverLimit(...decisions);
    return Math.min(...decisions.map(({ remaining }) => remaining));
  }

  async function proveRecoveryCode(userId: string, typed: string, caller: Caller): Promise<boolean> {
    const hash = dependencies.hashRecoveryCode(userId, normalizeRecoveryCode(typed));
    if (!(await repository.useRecoveryCode(userId, hash))) return false;
    await record(userId, caller, { action: 'recovery-code.use', result: 'success', method: 'rec' });
    const { recoveryCodesLeft } = await repository.factorsOf(userId);
    await notify(userId, `A recovery code was used to sign in; ${recoveryCodesLeft} are left.`);
    return true;
  }

  const prove: SecondFactor['prove'] = async (userId, proof, caller) => {
    const [method, proven] = await (async (): Promise<[SecondFactorMethod, boolean]> => {
      if ('code' in proof) return ['otp', await proveOtp(userId, proof.code, caller)];
      if ('recoveryCode' in proof)
        return ['rec', await proveRecoveryCode(userId, proof.recoveryCode, caller)];
      const { passkey: response, challenge } = proof;
      return [
        'hwk',
        (await dependencies.passkeys.verify({ response, challenge, userId }, caller)) !== undefined,
      ];
    })();
    if (proven) return method;
    await record(userId, caller, { action: 'mfa.verify', result: 'failure', reason: 'invalid_code', method });
    throw authError('invalid_code');
  };

  return { prove, spendCode: (userId, code) => spendCode(dependencies, userId, code) };
}

const LIMITS = [TOTP_PER_USER, TOTP_PER_USER_DAY];

/** RFC 6238 5.2: a code is good once; whoever is first has it. */
async function spendCode(
  {
    repository,
    keyring,
    totp,
    now,
  }: Pick<SecondFactorDependencies, 'repository' | 'keyring' | 'totp' | 'now'>,
  userId: string,
  code: string,
): Promise<boolean> {
  const credential = await repository.findTotp(userId);
  if (!credential?.confirmedAt) return false;
  const { sealedSecret } = credential;
  const step = totp.matchingStep(await keyring.open(`totp ${userId}`, sealedSecret), code, now());
  return step !== undefined && repository.useTotpStep(userId, sealedSecret, step);
}
