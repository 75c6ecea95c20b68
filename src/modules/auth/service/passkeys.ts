import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import {
  type AuthenticationResponse,
  MAX_PASSKEYS,
  PASSKEY_CHALLENGE_SECONDS,
  type Passkey,
  type PasskeyOptions,
  type RegistrationResponse,
} from '../models/passkeys.ts';
import type { SignInOutcome } from '../models/sign-in.ts';
import type { PasskeyRecord, PasskeyRepository, WebAuthn } from '../ports/passkeys.ts';
import type { UserRecord } from '../ports/users.ts';
import type { NotifyUser } from './factor-notices.ts';
import { refuseUnlessRemoved } from './mfa.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import { type PasskeyAssertions, userHandleOf } from './passkey-assertions.ts';
import type { EffectivePolicyOf } from './policies.ts';
import type { FinishSignIn } from './sign-in.ts';

export interface Passkeys {
  /** For `navigator.credentials.create`. */
  registrationOptions(principal: Principal): Promise<PasskeyOptions>;
  add(
    principal: Principal,
    input: { token: string; name: string; response: RegistrationResponse },
    caller: Caller,
  ): Promise<Passkey>;
  list(principal: Principal): Promise<Passkey[]>;
  rename(principal: Principal, id: string, name: string, caller: Caller): Promise<Passkey>;
  remove(principal: Principal, id: string, caller: Caller): Promise<void>;
  /** For `navigator.credentials.get`; names nobody, so that it says nothing about who has an account. */
  signInOptions(): Promise<PasskeyOptions>;
  signIn(input: { token: string; response: AuthenticationResponse }, caller: Caller): Promise<SignInOutcome>;
}

export interface PasskeysDependencies {
  readonly repository: PasskeyRepository;
  readonly webauthn: WebAuthn;
  readonly assertions: PasskeyAssertions;
  readonly oneTimeTokens: OneTimeTokens;
  readonly findUser: (id: string) => Promise<UserRecord | undefined>;
  readonly finishSignIn: FinishSignIn;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly notify: NotifyUser;
  readonly recordAudit: RecordAudit;
  readonly hashSecret: (secret: string) => string;
  readonly newId: (prefix: 'pky') => string;
}

export function createPasskeys(dependencies: PasskeysDependencies): Passkeys {
  return { ...createManagement(dependencies), ...createSignIn(dependencies) };
}

/** The challenge comes from the token, so that it lives as long, for the same purpose and user, and once. */
function challengeFor({ hashSecret }: PasskeysDependencies, purpose: string, token: string): string {
  return hashSecret(`${purpose} ${token}`);
}

const REGISTRATION = 'passkey-registration';

function createManagement(dependencies: PasskeysDependencies) {
  const { repository, webauthn, oneTimeTokens, notify, recordAudit } = dependencies;
  const record = (
    principal: Principal,
    caller: Caller,
    entry: { action: string; id?: string; reason?: string },
  ) =>
    recordAudit({
      ...auditedAs(principal, caller),
      action: entry.action,
      object: entry.id === undefined ? undefined : { kind: 'passkey', id: entry.id },
      result: entry.reason === undefined ? 'success' : 'failure',
      reason: entry.reason ?? null,
    });

  async function newCredential(userId: string, token: string, response: RegistrationResponse) {
    const redeemed = await oneTimeTokens.consume(REGISTRATION, token);
    if (redeemed?.userId !== userId) return undefined;
    return webauthn.verifyRegistration(response, challengeFor(dependencies, REGISTRATION, token));
  }

  return {
    async registrationOptions({ userId }) {
      const [user, passkeys] = await Promise.all([dependencies.findUser(userId), repository.list(userId)]);
      if (user === undefined) throw authError('user_not_found');
      const token = await oneTimeTokens.issue(REGISTRATION, PASSKEY_CHALLENGE_SECONDS, { userId });
      const options = await webauthn.registrationOptions({
        challenge: challengeFor(dependencies, REGISTRATION, token),
        userHandle: userHandleOf(userId),
        userName: user.email ?? userId,
        displayName: user.name ?? user.email ?? userId,
        exclude: passkeys,
      });
      return { token, options, expiresIn: PASSKEY_CHALLENGE_SECONDS };
    },

    async add(principal, { token, name, response }, caller) {
      const { userId } = principal;
      const credential = await newCredential(userId, token, response);
      if (credential === undefined) {
        await record(principal, caller, { action: 'passkey.create', reason: 'passkey_refused' });
        throw authError('passkey_refused', { detail: 'Start again with POST /v1/auth/passkeys/options.' });
      }
      const id = dependencies.newId('pky');
      const added = await repository.insert({ ...credential, id, userId, name }, MAX_PASSKEYS);
      if (added === 'taken') throw authError('factor_exists', { detail: 'This passkey is registered.' });
      if (added === 'full')
        throw authError('too_many_passkeys', { detail: `At most ${MAX_PASSKEYS}; remove one first.` });
      await record(principal, caller, { action: 'passkey.create', id });
      await notify(userId, `The passkey “${name}” was added to your account.`);
      return toPasskey(added);
    },

    list: async ({ userId }) => (await repository.list(userId)).map(toPasskey),

    async rename(principal, id, name, caller) {
      const renamed = await repository.rename(principal.userId, id, name);
      if (renamed === undefined) throw authError('factor_not_found');
      await record(principal, caller, { action: 'passkey.rename', id });
      return toPasskey(renamed);
    },

    async remove(principal, id, caller) {
      const { userId } = principal;
      const { requireMfa } = await dependencies.effectivePolicy(userId);
      refuseUnlessRemoved(await repository.remove(userId, id, requireMfa));
      await record(principal, caller, { action: 'passkey.remove', id });
      await notify(userId, 'A passkey was removed from your account.');
    },
  } satisfies Partial<Passkeys>;
}

const SIGN_IN = 'passkey-sign-in';

function createSignIn(dependencies: PasskeysDependencies) {
  const { webauthn, oneTimeTokens, recordAudit } = dependencies;
  return {
    async signInOptions() {
      const token = await oneTimeTokens.issue(SIGN_IN, PASSKEY_CHALLENGE_SECONDS, {});
      const options = await webauthn.assertionOptions(challengeFor(dependencies, SIGN_IN, token));
      return { token, options, expiresIn: PASSKEY_CHALLENGE_SECONDS };
    },

    async signIn({ token, response }, caller) {
      const redeemed = await oneTimeTokens.consume(SIGN_IN, token);
      const challenge = challengeFor(dependencies, SIGN_IN, token);
      const passkey = redeemed && (await dependencies.assertions.verify({ response, challenge }, caller));
      const user = passkey && (await dependencies.findUser(passkey.userId));
      if (user === undefined || user.deletedAt) {
        await recordAudit({
          actor: { kind: 'anonymous', id: passkey?.userId ?? null },
          action: 'session.open',
          result: 'failure',
          reason: 'invalid_passkey',
          address: caller.address,
          requestId: caller.requestId,
          details: { methods: 'hwk' },
        });
        throw authError('invalid_passkey', { detail: 'Start again, or sign in another way.' });
      }
      return dependencies.finishSignIn(user, ['hwk'], caller);
    },
  } satisfies Partial<Passkeys>;
}

function toPasskey({ id, name, backedUp, createdAt, lastUsedAt }: PasskeyRecord): Passkey {
  return {
    id,
    name,
    backedUp,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}
