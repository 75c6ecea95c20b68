import type { Caller } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { MfaChallenge, SignInOutcome } from '../models/sign-in.ts';
import type { UserRecord } from '../ports/users.ts';
import type { Sessions } from './sessions.ts';

/** RFC 8176 names; `hwk` is a passkey with user verification, which counts as two factors. */
export type Method = 'pwd' | 'otp' | 'hwk' | 'fed' | 'rec';

/** Opens a challenge for the second factor; undefined when the user has none. */
export type ChallengeSecondFactor = (
  user: UserRecord,
  methods: readonly Method[],
) => Promise<MfaChallenge | undefined>;

/**
 * The one way from a proven first factor to a session, whatever the factor was: disabled accounts stay out, and a
 * user with a second factor is asked for it.
 */
export type FinishSignIn = (
  user: UserRecord,
  methods: readonly Method[],
  caller: Caller,
  /** When they proved who they are, if that was before now: at a provider that still knew them. */
  authenticatedAt?: Date,
) => Promise<SignInOutcome>;

export function createFinishSignIn(dependencies: {
  readonly sessions: Sessions;
  readonly challengeSecondFactor: ChallengeSecondFactor;
}): FinishSignIn {
  const nextFactor = createNextFactor(dependencies.challengeSecondFactor);
  return async (user, methods, caller, authenticatedAt) => {
    const challenge = await nextFactor(user, methods);
    if (challenge) return { done: false, challenge };
    return {
      done: true,
      tokens: await dependencies.sessions.open(
        user,
        { methods, ...(authenticatedAt ? { authenticatedAt } : {}) },
        caller,
      ),
    };
  };
}

/** What is wanted after a proven first factor; a disabled account gets no further. */
export function createNextFactor(challengeSecondFactor: ChallengeSecondFactor): ChallengeSecondFactor {
  return async (user, methods) => {
    if (user.disabledAt) throw authError('account_disabled');
    return methods.includes('hwk') ? undefined : challengeSecondFactor(user, methods);
  };
}
