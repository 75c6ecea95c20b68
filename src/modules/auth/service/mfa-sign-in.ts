import { z } from 'zod';
import type { Caller } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { MFA_ATTEMPTS, MFA_TOKEN_SECONDS, type VerifyMfa } from '../models/mfa.ts';
import type { Tokens } from '../models/sign-in.ts';
import type { Factors, MfaRepository } from '../ports/mfa.ts';
import type { OneTimeToken } from '../ports/one-time-tokens.ts';
import type { PasskeyRepository, WebAuthn, WebAuthnOptions } from '../ports/passkeys.ts';
import type { UserRecord } from '../ports/users.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { Proof, SecondFactor } from './second-factor.ts';
import type { Sessions } from './sessions.ts';
import type { ChallengeSecondFactor } from './sign-in.ts';

/** The second half of a sign-in, after a first factor that is not enough by itself. */
export interface MfaSignIn {
  readonly challengeSecondFactor: ChallengeSecondFactor;
  /** For `navigator.credentials.get`, with the passkeys of the user who is signing in. */
  passkeyOptions(mfaToken: string): Promise<WebAuthnOptions>;
  /**
   * Proves the second factor and spends the token; the caller opens what the sign-in was for.
   * @throws AppError `invalid_mfa_token`, `invalid_code`, `account_disabled`, or `too_many_requests`
   */
  redeem(input: VerifyMfa, caller: Caller): Promise<{ user: UserRecord; methods: readonly string[] }>;
  /** The same for a session of the person's own. */
  verify(input: VerifyMfa, caller: Caller): Promise<Tokens>;
}

export interface MfaSignInDependencies {
  readonly repository: MfaRepository;
  readonly passkeys: Pick<PasskeyRepository, 'list'>;
  readonly webauthn: Pick<WebAuthn, 'assertionOptions'>;
  readonly secondFactor: SecondFactor;
  readonly oneTimeTokens: OneTimeTokens;
  readonly sessions: Pick<Sessions, 'open'>;
  readonly findUser: (id: string) => Promise<UserRecord | undefined>;
  readonly hashSecret: (secret: string) => string;
}

const PURPOSE = 'mfa-sign-in';
const pendingSchema = z.object({
  /** Proven so far. */
  methods: z.array(z.string()),
  /** Milliseconds since the epoch. */
  passwordChangedAt: z.number().nullable(),
});

export function createMfaSignIn(dependencies: MfaSignInDependencies): MfaSignIn {
  const { repository, oneTimeTokens, hashSecret } = dependencies;
  /** One challenge per sign-in, which ends with the token: nothing more has to be kept. */
  const challengeOf = (mfaToken: string) => hashSecret(`${PURPOSE} passkey ${mfaToken}`);

  async function pendingSignIn(token: OneTimeToken | undefined) {
    if (!token?.userId) throw startAgain();
    const { methods, passwordChangedAt } = pendingSchema.parse(token.data);
    const [user, factors] = await Promise.all([
      dependencies.findUser(token.userId),
      repository.factorsOf(token.userId),
    ]);
    // A first factor that was changed since does not open anything any more.
    if (!user || user.deletedAt || passwordChangedAt !== millisecondsOf(factors.passwordChangedAt))
      throw startAgain();
    if (user.disabledAt) throw authError('account_disabled');
    return { user, methods };
  }

  const redeem: MfaSignIn['redeem'] = async ({ mfaToken, ...given }, caller) => {
    const { user, methods } = await pendingSignIn(
      await oneTimeTokens.attempt(PURPOSE, mfaToken, MFA_ATTEMPTS),
    );
    const proof: Proof = 'passkey' in given ? { ...given, challenge: challengeOf(mfaToken) } : given;
    const method = await dependencies.secondFactor.prove(user.id, proof, caller);
    // Of several good proofs at once, one gets on.
    if ((await oneTimeTokens.consume(PURPOSE, mfaToken)) === undefined) throw startAgain();
    return { user, methods: [...methods, method] };
  };

  return {
    redeem,

    async challengeSecondFactor(user, methods) {
      const factors = await repository.factorsOf(user.id);
      const offered = offeredMethods(factors);
      if (offered.length === 0) return undefined;
      // As of the first factor: what was read later may be of a password that was set meanwhile.
      const passwordChangedAt = millisecondsOf(user.passwordChangedAt);
      const mfaToken = await oneTimeTokens.issue(PURPOSE, MFA_TOKEN_SECONDS, {
        userId: user.id,
        data: { methods: [...methods], passwordChangedAt },
      });
      return { mfaToken, methods: offered, expiresIn: MFA_TOKEN_SECONDS };
    },

    async passkeyOptions(mfaToken) {
      const { user } = await pendingSignIn(await oneTimeTokens.find(PURPOSE, mfaToken));
      const allowed = await dependencies.passkeys.list(user.id);
      return dependencies.webauthn.assertionOptions(challengeOf(mfaToken), allowed);
    },

    async verify(input, caller) {
      const { user, methods } = await redeem(input, caller);
      return dependencies.sessions.open(user, { methods }, caller);
    },
  };
}

const startAgain = () => authError('invalid_mfa_token', { detail: 'Sign in again from the start.' });

/** Recovery codes alone are no second factor: they stand in for one. */
function offeredMethods({ totpConfirmedAt, passkeys, recoveryCodesLeft }: Factors) {
  const factors = [
    ...(totpConfirmedAt ? (['totp'] as const) : []),
    ...(passkeys > 0 ? (['passkey'] as const) : []),
  ];
  return factors.length > 0 && recoveryCodesLeft > 0 ? [...factors, 'recovery' as const] : factors;
}

const millisecondsOf = (date: Date | null): number | null => date?.getTime() ?? null;
