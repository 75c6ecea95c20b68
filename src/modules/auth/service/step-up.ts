import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import { type Caller, ownSession, type Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { WRONG_PASSWORDS_PER_USER } from '../limits.ts';
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
  readonly limiter: RateLimiter;
  readonly recordAudit: RecordAudit;
  readonly hand: TokenHand;
  readonly newId: (prefix: 'ses') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
}

/**
 * Proves anew who is at the device: a new session takes the place of the old one, with the same end (OWASP ASVS 5.0
 * 7.2.4).
 * @throws AppError `wrong_password`, `too_many_requests`; `permission_denied` to keys and OAuth clients
 */
export type StepUp = (proof: Proof, principal: Principal, caller: Caller) => Promise<Tokens>;

export function createStepUp(dependencies: StepUpDependencies): StepUp {
  const { repository, limiter, recordAudit, newSecret, hashSecret } = dependencies;
  return async (proof, principal, caller) => {
    const oldId = ownSession(principal);
    if (oldId === undefined)
      throw coreError('permission_denied', { detail: 'Only people can prove who they are.' });
    refuseOverLimit(await limiter.consume(WRONG_PASSWORDS_PER_USER, principal.userId));
    const user = await repository.findUserOfSession(oldId);
    if (user === undefined) throw sessionOver();
    const audit = { ...auditedAs(principal, caller), action: 'session.step-up' };
    if (!(await proves(dependencies, user, proof))) {
      const object = { kind: 'session', id: oldId };
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
    await limiter.forget(WRONG_PASSWORDS_PER_USER, principal.userId);
    return dependencies.hand(user, newId, refreshToken, endsInSeconds);
  };
}

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
