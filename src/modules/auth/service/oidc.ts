import type { z } from 'zod';
import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { type AuditEntry, auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { EMAILS_PER_RECIPIENT } from '../limits.ts';
import { type Identity, oidcFlowSchema, oidcHandoffSchema, oidcLinkSchema } from '../models/oidc.ts';
import type { SignInOutcome } from '../models/sign-in.ts';
import type { IdentityProviderRecord, OidcClient, OidcRepository, ProviderProfile } from '../ports/oidc.ts';
import type { UserRecord } from '../ports/users.ts';
import type { Emails } from './emails.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { FinishSignIn } from './sign-in.ts';

const FLOW_SECONDS = 600;
const HANDOFF_SECONDS = 60;
const LINK_SECONDS = 600;

export interface OidcDependencies {
  readonly repository: OidcRepository;
  readonly client: OidcClient;
  readonly oneTimeTokens: OneTimeTokens;
  readonly finishSignIn: FinishSignIn;
  readonly emails: Emails;
  readonly limiter: Pick<RateLimiter, 'consume'>;
  readonly findUser: (id: string) => Promise<UserRecord | undefined>;
  readonly findUserByEmail: (email: string) => Promise<UserRecord | undefined>;
  /** Whether somebody with this (verified) address may open an account by signing in. */
  readonly admitsNewUser: (email: string) => Promise<boolean>;
  readonly newId: (prefix: 'usr') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  /** The public URL of the gateway. */
  readonly issuer: string;
  /** Base of links in e-mails. */
  readonly linkBase: string;
  /** Addresses outside of our own origin that a flow may end at. */
  readonly returnUrls: readonly string[];
}

export interface Oidc {
  providers(): Promise<{ id: string; name: string }[]>;
  /** @param principal links the identity to this user instead of signing in. */
  start(
    provider: string,
    input: { returnTo: string; challenge: string; reauthenticate: boolean },
    principal?: Principal,
  ): Promise<{ authorizationUrl: string }>;
  /** @returns where the browser goes: `returnTo#code=…` or `returnTo#error=…`. */
  callback(provider: string, parameters: URLSearchParams, caller: Caller): Promise<string>;
  exchange(input: { code: string; verifier: string }, caller: Caller): Promise<SignInOutcome>;
  confirmLink(token: string, caller: Caller): Promise<void>;
  identities(principal: Principal): Promise<Identity[]>;
  unlink(provider: string, principal: Principal, caller: Caller): Promise<void>;
}

type Resolution = { readonly user: UserRecord } | { readonly error: string };

export function createOidc(dependencies: OidcDependencies): Oidc {
  const { repository, client, oneTimeTokens, finishSignIn, hashSecret, newSecret, issuer } = dependencies;
  const redirectUri = (provider: string) => new URL(`/v1/auth/oidc/${provider}/callback`, issuer).href;

  async function usable(id: string): Promise<IdentityProviderRecord> {
    const provider = await repository.provider(id);
    if (!provider?.enabled) throw authError('provider_not_found');
    return provider;
  }

  const handOff = (userId: string, data: z.infer<typeof oidcHandoffSchema>) =>
    oneTimeTokens.issue('oidc-handoff', HANDOFF_SECONDS, { userId, data });

  return {
    providers: async () =>
      (await repository.providers()).filter(({ enabled }) => enabled).map(({ id, name }) => ({ id, name })),

    async start(id, { returnTo, challenge, reauthenticate }, principal) {
      const provider = await usable(id);
      if (!mayReturnTo(returnTo, dependencies))
        throw authError('return_not_allowed', { detail: 'Ask the administrator to list this address.' });
      const flow = { provider: id, nonce: newSecret(), codeVerifier: newSecret(), returnTo, challenge };
      const state = await oneTimeTokens.issue('oidc-state', FLOW_SECONDS, {
        ...(principal ? { userId: principal.userId } : {}),
        data: flow,
      });
      const authorizationUrl = await client.authorizationUrl(provider, {
        ...flow,
        state,
        reauthenticate,
        redirectUri: redirectUri(id),
      });
      return { authorizationUrl };
    },

    async callback(id, parameters, caller) {
      const state = parameters.get('state') ?? '';
      const token = await oneTimeTokens.consume('oidc-state', state);
      const flow = oidcFlowSchema.safeParse(token?.data).data;
      if (token === undefined || flow?.provider !== id)
        throw authError('invalid_token', { detail: 'Begin the sign-in again.' });
      const provider = await usable(id);
      const profile = await client.profile(provider, {
        ...flow,
        callback: parameters,
        state,
        redirectUri: redirectUri(id),
      });
      if (profile === undefined) return endOf(flow.returnTo, { error: 'provider_refused' });
      const { challenge, returnTo } = flow;
      const { authenticatedAt } = profile;
      if (token.userId !== null) {
        const identity = { provider: id, subject: profile.subject, email: profile.email };
        return endOf(returnTo, {
          code: await handOff(token.userId, { challenge, identity, authenticatedAt }),
        });
      }
      const resolved = await resolve(dependencies, provider, profile, caller);
      return endOf(
        returnTo,
        'error' in resolved
          ? resolved
          : { code: await handOff(resolved.user.id, { challenge, authenticatedAt }) },
      );
    },

    async exchange({ code, verifier }, caller) {
      const token = await oneTimeTokens.consume('oidc-handoff', code);
      const handoff = oidcHandoffSchema.safeParse(token?.data).data;
      const user = token?.userId ? await dependencies.findUser(token.userId) : undefined;
      // S256 of RFC 7636 is how secrets are hashed here anyway.
      if (handoff?.challenge !== hashSecret(verifier) || user === undefined)
        throw authError('invalid_token', { detail: 'Begin the sign-in again.' });
      // Linking waits for the verifier: the browser that asked for it is the one that came back from the provider.
      if (handoff.identity) await link(dependencies, handoff.identity, user.id, caller);
      const { authenticatedAt } = handoff;
      return finishSignIn(
        user,
        ['fed'],
        caller,
        authenticatedAt === null ? undefined : new Date(authenticatedAt),
      );
    },

    async confirmLink(token, caller) {
      const found = await oneTimeTokens.consume('oidc-link', token);
      const identity = oidcLinkSchema.safeParse(found?.data).data;
      if (!found?.userId || identity === undefined) throw authError('invalid_token');
      const linked = await repository.linkAndTakeOver(
        {
          userId: found.userId,
          providerId: identity.provider,
          subject: identity.subject,
          email: identity.email,
        },
        linkAudit(found.userId, identity.provider, caller),
      );
      if (!linked) throw authError('identity_taken');
    },

    identities: async ({ userId }) =>
      (await repository.identitiesOf(userId)).map(({ providerId, email, createdAt, lastUsedAt }) => ({
        provider: providerId,
        email,
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt?.toISOString() ?? null,
      })),

    async unlink(provider, principal, caller) {
      const outcome = await repository.unlink(principal.userId, provider, {
        ...auditedAs(principal, caller),
        action: 'identity.unlink',
        object: { kind: 'identity-provider', id: provider },
        result: 'success',
      });
      if (outcome === 'not-found') throw authError('identity_not_found');
      if (outcome === 'last')
        throw authError('last_sign_in_method', { detail: 'Set a password or add a passkey first.' });
    },
  };
}

/**
 * Who a provider's person is here. An account is never joined to an identity because the addresses look alike: its
 * owner is asked by e-mail first.
 */
async function resolve(
  dependencies: OidcDependencies,
  provider: IdentityProviderRecord,
  profile: ProviderProfile,
  caller: Caller,
): Promise<Resolution> {
  const { repository } = dependencies;
  const known = await repository.userOfIdentity(provider.id, profile.subject);
  if (known) return { user: known };
  const { email } = profile;
  if (email === null || !profile.emailVerified) return { error: 'email_not_verified' };
  const holder = await dependencies.findUserByEmail(email);
  if (holder) return askToLink(dependencies, provider, profile, holder);
  if (!provider.allowsSignUp || !(await dependencies.admitsNewUser(email)))
    return { error: 'registration_closed' };
  const id = dependencies.newId('usr');
  const user = await repository.insertUserWithIdentity(
    { id, email, name: profile.name },
    { userId: id, providerId: provider.id, subject: profile.subject, email },
    {
      actor: { kind: 'person', id },
      action: 'user.register',
      object: { kind: 'user', id },
      result: 'success',
      address: caller.address,
      requestId: caller.requestId,
      details: { provider: provider.id },
    },
  );
  if (user) return { user };
  // Two sign-ins at once: the other one made the account, or somebody took the address.
  const made = await repository.userOfIdentity(provider.id, profile.subject);
  return made ? { user: made } : { error: 'try_again' };
}

async function askToLink(
  { oneTimeTokens, emails, limiter, hashSecret, linkBase }: OidcDependencies,
  provider: IdentityProviderRecord,
  { subject, email }: ProviderProfile,
  holder: UserRecord,
): Promise<Resolution> {
  // Beyond the limit the answer is the same: who signs in over and over must not fill the mailbox of the holder.
  const { allowed } = await limiter.consume(
    EMAILS_PER_RECIPIENT,
    hashSecret((holder.email ?? '').toLowerCase()),
  );
  if (!allowed) return { error: 'confirmation_sent' };
  const token = await oneTimeTokens.issue('oidc-link', LINK_SECONDS, {
    userId: holder.id,
    data: { provider: provider.id, subject, email },
  });
  await emails.send(holder.email ?? '', {
    template: 'link-identity',
    provider: provider.name,
    link: `${linkBase}/account/link-identity#token=${token}`,
  });
  return { error: 'confirmation_sent' };
}

async function link(
  { repository }: OidcDependencies,
  { provider, subject, email }: z.infer<typeof oidcLinkSchema>,
  userId: string,
  caller: Caller,
): Promise<void> {
  const identity = { userId, providerId: provider, subject, email };
  if (await repository.linkIdentity(identity, linkAudit(userId, provider, caller))) return;
  const holder = await repository.userOfIdentity(provider, subject);
  if (holder?.id !== userId) throw authError('identity_taken');
}

function linkAudit(userId: string, provider: string, caller: Caller): AuditEntry {
  return {
    actor: { kind: 'person', id: userId },
    action: 'identity.link',
    object: { kind: 'identity-provider', id: provider },
    result: 'success',
    address: caller.address,
    requestId: caller.requestId,
  };
}

function mayReturnTo(returnTo: string, { issuer, returnUrls }: OidcDependencies): boolean {
  const url = new URL(returnTo);
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.origin === new URL(issuer).origin || returnUrls.includes(returnTo);
}

/** In the fragment, which neither servers nor their logs see. */
function endOf(returnTo: string, outcome: { code: string } | { error: string }): string {
  return `${returnTo}#${new URLSearchParams(outcome)}`;
}
