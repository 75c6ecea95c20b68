import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { EMAILS_PER_RECIPIENT } from '../limits.ts';
import type { Tokens } from '../models/sign-in.ts';
import type { AccountRepository, Passwords } from '../ports/accounts.ts';
import type { UserRecord } from '../ports/users.ts';
import { refuseOtherDomains } from './email-domains.ts';
import type { Emails } from './emails.ts';
import type { LinkTo } from './links.ts';
import type { CheckNewPassword } from './password-rules.ts';
import type { EffectivePolicyOf } from './policies.ts';
import type { RegistrationMode } from './registration-mode.ts';
import type { Sessions } from './sessions.ts';

export const VERIFICATION_SECONDS = 24 * 60 * 60;

export interface RegistrationInput {
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
  readonly invitationToken?: string | undefined;
}

/** Signed in, or told that an e-mail is on its way; that is all that is told about a taken address then. */
export type RegistrationOutcome =
  | { readonly signedIn: true; readonly tokens: Tokens }
  | { readonly signedIn: false };

/** @returns whether an invitation that is open was sent to this address with this token */
export type AcceptsInvitation = (email: string, token: string) => Promise<boolean>;

export interface RegistrationDependencies {
  readonly repository: Pick<AccountRepository, 'register' | 'findUserByEmail'>;
  readonly registrationMode: () => Promise<RegistrationMode>;
  readonly acceptsInvitation: AcceptsInvitation;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly checkNewPassword: CheckNewPassword;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly emails: Pick<Emails, 'prepare'>;
  readonly linkTo: LinkTo;
  readonly limiter: Pick<RateLimiter, 'consume'>;
  readonly sessions: Pick<Sessions, 'open'>;
  readonly newId: (prefix: 'usr') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
}

export type Register = (input: RegistrationInput, caller: Caller) => Promise<RegistrationOutcome>;

/**
 * @throws AppError `registration_closed`, `email_domain_not_allowed`, one of the password rules; `email_taken` unless
 * registration is `confirmed`
 */
export function createRegister(dependencies: RegistrationDependencies): Register {
  const { registrationMode, effectivePolicy, checkNewPassword, passwords, sessions } = dependencies;
  return async (input, caller) => {
    const mode = await registrationMode();
    await refuseUninvited(dependencies, mode, input);
    const { email, password, name = null } = input;
    const policy = await effectivePolicy(null);
    refuseOtherDomains(email, policy);
    await checkNewPassword(password, policy, { email, name });
    const account = { email, name, passwordHash: await passwords.hash(password) };
    const user = await store(dependencies, mode === 'confirmed', account, caller);
    if (mode === 'confirmed') return { signedIn: false };
    if (user === undefined)
      throw authError('email_taken', { detail: 'Log in instead, or use another address.' });
    return { signedIn: true, tokens: await sessions.open(user, { methods: ['pwd'] }, caller) };
  };
}

async function refuseUninvited(
  { acceptsInvitation }: RegistrationDependencies,
  mode: RegistrationMode,
  { email, invitationToken }: RegistrationInput,
): Promise<void> {
  if (mode === 'open' || mode === 'confirmed') return;
  const isInvited =
    mode === 'invited' && invitationToken !== undefined && (await acceptsInvitation(email, invitationToken));
  if (!isInvited) throw authError('registration_closed', { detail: 'Ask for an invitation.' });
}

/**
 * In `confirmed` a taken address costs the same statements and gets an e-mail too. A password counts once somebody
 * has followed the link of that very registration: who registers an address that is not theirs, and before its owner
 * does, gains nothing by it.
 */
async function store(
  dependencies: RegistrationDependencies,
  isConfirmed: boolean,
  { email, name, passwordHash }: { email: string; name: string | null; passwordHash: string },
  caller: Caller,
): Promise<UserRecord | undefined> {
  const { repository, emails, linkTo, limiter, newId, newSecret, hashSecret, now } = dependencies;
  const id = newId('usr');
  const secret = newSecret();
  const { allowed } = await limiter.consume(EMAILS_PER_RECIPIENT, hashSecret(email.toLowerCase()));
  const owner = await repository.findUserByEmail(email);
  const message = owner?.emailVerifiedAt
    ? ({ template: 'already-registered', link: linkTo('forgot-password') } as const)
    : ({ template: 'verify-email', link: linkTo('verify-email', secret) } as const);
  return repository.register(
    {
      user: { id, email, name, passwordHash },
      token: {
        tokenHash: hashSecret(secret),
        data: { email, ...(isConfirmed ? { passwordHash, name } : {}) },
        expiresAt: new Date(now().getTime() + VERIFICATION_SECONDS * 1000),
      },
      mail: await emails.prepare(owner?.email ?? email, message),
      evenIfTaken: isConfirmed,
      mails: allowed,
    },
    { created: entry(id, id, caller), taken: entry(null, owner?.id ?? id, caller) },
  );
}

/** Without an actor: of an address that is taken. */
function entry(actorId: string | null, userId: string, { address, requestId }: Caller): AuditEntry {
  return {
    actor: { kind: actorId === null ? 'anonymous' : 'person', id: actorId },
    action: 'user.register',
    object: { kind: 'user', id: userId },
    result: actorId === null ? 'failure' : 'success',
    reason: actorId === null ? 'email_taken' : null,
    address,
    requestId,
  };
}
