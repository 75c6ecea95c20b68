import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { type AuditEntry, auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { EMAILS_PER_RECIPIENT, LINKS_PER_USER } from '../limits.ts';
import type { AccountRepository, EmailAddressRepository, PreparedToken } from '../ports/accounts.ts';
import { refuseOtherDomains } from './email-domains.ts';
import type { Emails } from './emails.ts';
import type { LinkTo } from './links.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { EffectivePolicyOf } from './policies.ts';
import { VERIFICATION_SECONDS } from './registration.ts';

const CHANGE_SECONDS = 60 * 60;
const UNDO_SECONDS = 7 * 24 * 60 * 60;

export interface EmailAddressesDependencies {
  readonly repository: EmailAddressRepository;
  readonly accounts: Pick<AccountRepository, 'findUser' | 'findUserByEmail'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'find' | 'consume'>;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly emails: Pick<Emails, 'prepare'>;
  readonly linkTo: LinkTo;
  readonly limiter: Pick<RateLimiter, 'consume'>;
  readonly recordAudit: RecordAudit;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
}

export interface EmailAddresses {
  /** @throws AppError `invalid_token` */
  verify(token: string, caller: Caller): Promise<void>;
  /** Another link for the caller's own address; none when it is verified already. */
  sendVerification(principal: Principal, caller: Caller): Promise<void>;
  /** Sends a link to the new address, or, when that is somebody else's, word of it to them; the caller sees no difference. */
  requestChange(principal: Principal, newEmail: string, caller: Caller): Promise<void>;
  /** @throws AppError `invalid_token`, or `email_taken` when somebody else has taken the address meanwhile */
  confirmChange(token: string, caller: Caller): Promise<void>;
  /** For whoever has the old address: takes the change back and ends all sessions. */
  undoChange(token: string, caller: Caller): Promise<void>;
}

export function createEmailAddresses(dependencies: EmailAddressesDependencies): EmailAddresses {
  const { repository, oneTimeTokens, hashSecret } = dependencies;
  return {
    async verify(token, caller) {
      const about = await oneTimeTokens.find('email-verification', token);
      const verified =
        typeof about?.userId === 'string' &&
        (await repository.verify(hashSecret(token), byLink(about.userId, 'email.verify', caller)));
      if (!verified) throw authError('invalid_token');
    },

    sendVerification: (principal, caller) => sendVerification(dependencies, principal, caller),

    requestChange: (principal, newEmail, caller) => requestChange(dependencies, principal, newEmail, caller),

    confirmChange: (token, caller) => confirmChange(dependencies, token, caller),

    async undoChange(token, caller) {
      const about = await oneTimeTokens.find('email-change-undo', token);
      if (typeof about?.userId !== 'string') throw authError('invalid_token');
      const entry = byLink(about.userId, 'email.undo', caller);
      await settle(dependencies, 'email-change-undo', token, entry, (tokenHash) =>
        repository.undoChange(tokenHash, entry),
      );
    },
  };
}

async function sendVerification(
  dependencies: EmailAddressesDependencies,
  principal: Principal,
  caller: Caller,
): Promise<void> {
  const { repository, accounts, emails, linkTo, limiter, newSecret } = dependencies;
  refuseOverLimit(await limiter.consume(LINKS_PER_USER, principal.userId));
  const user = await accounts.findUser(principal.userId);
  if (!user?.email || user.emailVerifiedAt) return;
  const secret = newSecret();
  await repository.insertVerification(
    {
      userId: user.id,
      token: prepared(dependencies, secret, VERIFICATION_SECONDS, { email: user.email }),
      mail: await emails.prepare(user.email, {
        template: 'verify-email',
        link: linkTo('verify-email', secret),
      }),
      mails: await mayWriteTo(dependencies, user.email),
    },
    {
      ...auditedAs(principal, caller),
      action: 'email.verify-request',
      object: { kind: 'user', id: user.id },
      result: 'success',
    },
  );
}

async function requestChange(
  dependencies: EmailAddressesDependencies,
  principal: Principal,
  newEmail: string,
  caller: Caller,
): Promise<void> {
  const { repository, accounts, effectivePolicy, emails, linkTo, limiter, newSecret } = dependencies;
  const { userId } = principal;
  refuseOverLimit(await limiter.consume(LINKS_PER_USER, userId));
  refuseOtherDomains(newEmail, await effectivePolicy(null));
  const owner = await accounts.findUserByEmail(newEmail);
  const isTaken = owner !== undefined && owner.id !== userId;
  const secret = newSecret();
  await repository.requestChange(
    {
      userId,
      token: prepared(dependencies, secret, CHANGE_SECONDS, { email: newEmail }),
      mail: await emails.prepare(
        isTaken ? (owner.email ?? newEmail) : newEmail,
        isTaken
          ? { template: 'already-registered', link: linkTo('forgot-password') }
          : { template: 'change-email', link: linkTo('change-email', secret) },
      ),
      mails: await mayWriteTo(dependencies, newEmail),
    },
    {
      ...auditedAs(principal, caller),
      action: 'email.change-request',
      object: { kind: 'user', id: userId },
      result: 'success',
    },
  );
}

/**
 * The old address gets a way back, if it was ever proven to be theirs: a mistyped one would hand the account to a
 * stranger.
 */
async function confirmChange(
  dependencies: EmailAddressesDependencies,
  token: string,
  caller: Caller,
): Promise<void> {
  const { repository, accounts, oneTimeTokens, emails, linkTo, newSecret } = dependencies;
  const about = await oneTimeTokens.find('email-change', token);
  const newEmail = about?.data.email;
  const user = about?.userId ? await accounts.findUser(about.userId) : undefined;
  if (user === undefined || typeof newEmail !== 'string') throw authError('invalid_token');
  const secret = newSecret();
  const old =
    user.email === null ? undefined : { email: user.email, isProven: user.emailVerifiedAt !== null };
  const notice = old?.isProven
    ? ({ template: 'email-changed', newEmail, undoLink: linkTo('undo-email', secret) } as const)
    : ({ template: 'security-notice', what: 'Another e-mail address was set for the account.' } as const);
  const entry = byLink(user.id, 'email.change', caller);
  await settle(dependencies, 'email-change', token, entry, async (tokenHash) =>
    repository.change(
      {
        tokenHash,
        oldEmail: user.email,
        undo: old?.isProven ? prepared(dependencies, secret, UNDO_SECONDS, { email: old.email }) : undefined,
        notice: old && (await emails.prepare(old.email, notice)),
      },
      entry,
    ),
  );
}

/** @throws AppError `invalid_token`; `email_taken`, and then the token is spent all the same */
async function settle(
  { oneTimeTokens, hashSecret, recordAudit }: EmailAddressesDependencies,
  purpose: 'email-change' | 'email-change-undo',
  token: string,
  entry: AuditEntry,
  change: (tokenHash: string) => Promise<'changed' | 'invalid' | 'taken'>,
): Promise<void> {
  const outcome = await change(hashSecret(token));
  if (outcome === 'changed') return;
  if (outcome === 'invalid') throw authError('invalid_token');
  await oneTimeTokens.consume(purpose, token);
  await recordAudit({ ...entry, result: 'failure', reason: 'email_taken' });
  throw authError('email_taken');
}

async function mayWriteTo(
  { limiter, hashSecret }: EmailAddressesDependencies,
  email: string,
): Promise<boolean> {
  return (await limiter.consume(EMAILS_PER_RECIPIENT, hashSecret(email.toLowerCase()))).allowed;
}

function prepared(
  { hashSecret, now }: EmailAddressesDependencies,
  secret: string,
  seconds: number,
  data: PreparedToken['data'],
): PreparedToken {
  return { tokenHash: hashSecret(secret), data, expiresAt: new Date(now().getTime() + seconds * 1000) };
}

/** Who follows a link is whoever reads the e-mails of the account. */
function byLink(userId: string, action: string, { address, requestId }: Caller): AuditEntry {
  return {
    actor: { kind: 'person', id: userId },
    action,
    object: { kind: 'user', id: userId },
    result: 'success',
    address,
    requestId,
  };
}
