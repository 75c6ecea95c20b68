import { z } from 'zod';
import type { RecordAudit } from '../../../core/security/audit.ts';
import { type Caller, ownSession, type Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { MfaChallenge } from '../models/sign-in.ts';
import type { OauthGrantRepository } from '../ports/oauth.ts';
import type { UserRecord } from '../ports/users.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';

/** Somebody has proven who they are, without a session, or has to show a second factor yet. */
export type ProvenSignIn =
  | { readonly done: true; readonly user: UserRecord; readonly methods: readonly string[] }
  | { readonly done: false; readonly challenge: MfaChallenge };

/** The two factors of a sign-in as the rest of the module checks them: same throttles, same refusals, same audit. */
export interface SignInFactors {
  verifyPassword(input: { email: string; password: string }, caller: Caller): Promise<ProvenSignIn>;
  /** A code of an authenticator app, or a recovery code. */
  verifySecondFactor(
    input: { mfaToken: string; code: string },
    caller: Caller,
  ): Promise<{ user: UserRecord; methods: readonly string[] }>;
}

/** Who sits at the browser, as of a sign-in at most BROWSER_SECONDS ago. */
export interface BrowserPerson {
  readonly userId: string;
  readonly email: string | null;
  readonly methods: readonly string[];
  readonly authenticatedAt: Date;
}

export type BrowserSignIn =
  | { readonly done: true; readonly browserToken: string }
  | { readonly done: false; readonly challenge: MfaChallenge };

export interface OauthBrowser {
  signIn(input: { email: string; password: string }, caller: Caller): Promise<BrowserSignIn>;
  secondFactor(input: { mfaToken: string; code: string }, caller: Caller): Promise<BrowserSignIn>;
  /** Goes on with the session that the browser has with our own app, which may be one by passkey or provider. */
  adopt(accessToken: string | undefined, caller: Caller): Promise<BrowserSignIn>;
  personOf(browserToken: string | undefined): Promise<BrowserPerson | undefined>;
  /** Counts one guess of this sign-in; false when there have been too many. */
  mayGuess(browserToken: string): Promise<boolean>;
  signOut(browserToken: string | undefined): Promise<void>;
}

/** Enough to sign in and to read what is asked; no session of the app comes of it. */
export const BROWSER_SECONDS = 600;
const GUESSES = 5;

const dataSchema = z.object({ methods: z.array(z.string()), authenticatedAt: z.iso.datetime() });

export function createOauthBrowser(dependencies: {
  readonly factors: SignInFactors;
  readonly repository: Pick<OauthGrantRepository, 'findPerson'>;
  /** Who is behind an access token at this moment. */
  readonly principalOf: (accessToken: string, caller: Caller) => Promise<Principal | undefined>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly recordAudit: RecordAudit;
  readonly now: () => Date;
}): OauthBrowser {
  const { factors, repository, principalOf, oneTimeTokens, recordAudit, now } = dependencies;

  async function remember(
    user: Pick<UserRecord, 'id' | 'kind'>,
    { methods, authenticatedAt }: Pick<BrowserPerson, 'methods' | 'authenticatedAt'>,
    caller: Caller,
  ): Promise<BrowserSignIn> {
    const data = { methods: [...methods], authenticatedAt: authenticatedAt.toISOString() };
    const browserToken = await oneTimeTokens.issue('browser-sign-in', BROWSER_SECONDS, {
      userId: user.id,
      data,
    });
    await recordAudit({
      actor: { kind: user.kind, id: user.id },
      action: 'browser-sign-in.open',
      object: { kind: 'user', id: user.id },
      result: 'success',
      address: caller.address,
      requestId: caller.requestId,
      details: { methods: methods.join(' ') },
    });
    return { done: true, browserToken };
  }

  return {
    async signIn(input, caller) {
      const proven = await factors.verifyPassword(input, caller);
      if (!proven.done) return proven;
      return remember(proven.user, { methods: proven.methods, authenticatedAt: now() }, caller);
    },

    async secondFactor(input, caller) {
      const { user, methods } = await factors.verifySecondFactor(input, caller);
      return remember(user, { methods, authenticatedAt: now() }, caller);
    },

    async adopt(accessToken, caller) {
      const principal = accessToken === undefined ? undefined : await principalOf(accessToken, caller);
      // A grant to a program must not be able to grant more.
      if (!principal?.authenticatedAt || ownSession(principal) === undefined || principal.kind !== 'person')
        throw authError('not_signed_in');
      const { userId: id, kind, methods } = principal;
      return remember(
        { id, kind },
        { methods, authenticatedAt: new Date(principal.authenticatedAt) },
        caller,
      );
    },

    async personOf(browserToken) {
      if (browserToken === undefined) return undefined;
      const token = await oneTimeTokens.find('browser-sign-in', browserToken);
      if (!token?.userId) return undefined;
      const person = await repository.findPerson(token.userId);
      if (person === undefined) return undefined;
      const { methods, authenticatedAt } = dataSchema.parse(token.data);
      const since = new Date(authenticatedAt);
      // Whoever changed the password has thrown everybody else out.
      if (person.passwordChangedAt && person.passwordChangedAt > since) return undefined;
      return { userId: person.user.id, email: person.user.email, methods, authenticatedAt: since };
    },

    mayGuess: async (browserToken) =>
      (await oneTimeTokens.attempt('browser-sign-in', browserToken, GUESSES)) !== undefined,

    async signOut(browserToken) {
      if (browserToken !== undefined) await oneTimeTokens.consume('browser-sign-in', browserToken);
    },
  };
}
