import type { RateLimit, RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import { type Caller, ownSession, type Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { TOTP_PER_USER, TOTP_PER_USER_DAY, WRONG_PASSWORDS_PER_USER } from '../limits.ts';
import type { Tokens } from '../models/sign-in.ts';
import type { Passwords } from '../ports/accounts.ts';
import type { SessionRepository } from '../ports/sessions.ts';
import type { UserRecord } from '../ports/users.ts';
import { networkOf } from './network.ts';
import type { TokenHand } from './sessions.ts';

/** True when the code is one of the user's own second factor, and was not used before. */
export type VerifySecondFactor = (userId: string, code: string) => Promise<boolean>;

export type Proof = { readonly password: string } | { readonly code: string };

export interface StepUpDependencies {
  readonly repository: SessionRepository;
  readonly passwords: Passwords;
  readonly verifySecondFactor: VerifySecondFactor;
  readonly hasSecondFactor: (userId: string) => Promise<boolean>;
  readonly limiter: RateLimiter;
  readonly recordAudit: RecordAudit;
  readonly hand: TokenHand;
  readonly newId: (prefix: 'ses') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
}

/**
 * Proves anew who is at the device: a new session takes the place of the old one, with the same end (OWASP ASVS 5.0
 * 7.2.4). Where the account has a second factor, a session that was opened without one takes more than the password:
 * whoever had that before could take the factor away again.
 * @throws AppError `wrong_password`, `too_many_requests`, `mfa_required`; `permission_denied` to keys and OAuth clients
 */
export type StepUp = (proof: Proof, principal: Principal, caller: Caller) => Promise<Tokens>;

export function createStepUp(dependencies: StepUpDependencies): StepUp {
  const { repository, limiter, recordAudit, newSecret, hashSecret } = dependencies;
  return async (proof, principal, caller) => {
    const oldId = ownSession(principal);
    if (oldId === undefined)
      throw coreError('permission_denied', { detail: 'Only people can prove who they are.' });
    const claims = limitsOf(proof).map((limit) => ({ limit, key: principal.userId }));
    refuseOverLimit(...(await limiter.consumeAll(claims)));
    const user = await repository.findUserOfSession(oldId);
    if (user === undefined) throw sessionOver();
    const audit = { ...auditedAs(principal, caller), action: 'session.step-up' };
    const object = { kind: 'session', id: oldId };
    if ('password' in proof && !hasTwoFactors(principal) && (await dependencies.hasSecondFactor(user.id))) {
      await recordAudit({ ...audit, object, result: 'denied', reason: 'mfa_required' });
      throw coreError('mfa_required', {
        detail: 'Send a code of your authenticator app, or sign in again with your second factor.',
      });
    }
    if (!(await proves(dependencies, user, proof))) {
      await recordAudit({ ...audit, object, result: 'failure', reason: 'wrong_password' });
      throw authError('wrong_password');
    }
    const newId = dependencies.newId('ses');
    const refreshToken = newSecret();
    const endsInSeconds = await repository.replaceSession(
      {
        oldId,
        newId,
        userId: user.id,
        userAgent: caller.userAgent,
        network: networkOf(caller.address),
        place: caller.place,
        method: 'password' in proof ? 'pwd' : 'otp',
        refreshTokenHash: hashSecret(refreshToken),
      },
      { ...audit, result: 'success' },
    );
    if (endsInSeconds === undefined) throw sessionOver();
    await Promise.all(claims.map(({ limit, key }) => limiter.forget(limit, key)));
    return dependencies.hand(user, newId, refreshToken, endsInSeconds);
  };
}

/** RFC 8176 names, as auth.authority_of_user counts them. */
const SECOND_FACTORS = ['otp', 'hwk', 'rec'];
const hasTwoFactors = ({ methods }: Principal) => methods.some((method) => SECOND_FACTORS.includes(method));

/** A code is guessed under the limits of codes, wherever it is asked for. */
const limitsOf = (proof: Proof): readonly RateLimit[] =>
  'password' in proof
    ? [WRONG_PASSWORDS_PER_USER]
    : [WRONG_PASSWORDS_PER_USER, TOTP_PER_USER, TOTP_PER_USER_DAY];

function proves(
  { passwords, verifySecondFactor }: StepUpDependencies,
  user: UserRecord,
  proof: Proof,
): Promise<boolean> {
  return 'password' in proof
    ? passwords.verify(proof.password, user.passwordHash)
    : verifySecondFactor(user.id, proof.code);
}

const sessionOver = () => coreError('unauthorized', { detail: 'The session has ended. Log in again.' });
