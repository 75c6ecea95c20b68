import type { AuditEntry } from '../../../core/security/audit.ts';
import type { UserRecord } from './users.ts';

export interface IdentityProviderRecord {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly sealedClientSecret: string | null;
  readonly scopes: string;
  readonly allowsSignUp: boolean;
  readonly enabled: boolean;
}

/** A person as a provider describes them, from a verified ID token. */
export interface ProviderProfile {
  readonly subject: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  /** When the person signed in at the provider, in milliseconds since the epoch; null when it does not say. */
  readonly authenticatedAt: number | null;
}

export interface IdentityRecord {
  readonly providerId: string;
  readonly subject: string;
  readonly email: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export interface NewIdentity {
  readonly providerId: string;
  readonly subject: string;
  readonly userId: string;
  readonly email: string | null;
}

export interface OidcRepository {
  providers(): Promise<IdentityProviderRecord[]>;
  provider(id: string): Promise<IdentityProviderRecord | undefined>;
  /** Creates or changes; the issuer of a provider that exists never changes. False when it would. */
  saveProvider(provider: IdentityProviderRecord, audit: AuditEntry): Promise<boolean>;
  deleteProvider(id: string, audit: AuditEntry): Promise<boolean>;
  /** The user behind an identity, whose use is noted. */
  userOfIdentity(providerId: string, subject: string): Promise<UserRecord | undefined>;
  /** False when the identity belongs to somebody already. */
  linkIdentity(identity: NewIdentity, audit: AuditEntry): Promise<boolean>;
  /**
   * Links, and makes the account belong to the owner of the address: somebody who registered it without confirming
   * loses their password, sessions and keys. False when the identity belongs to somebody already.
   */
  linkAndTakeOver(identity: NewIdentity, audit: AuditEntry): Promise<boolean>;
  /** Undefined when the address or the identity is taken. */
  insertUserWithIdentity(
    user: { id: string; email: string; name: string | null },
    identity: NewIdentity,
    audit: AuditEntry,
  ): Promise<UserRecord | undefined>;
  identitiesOf(userId: string): Promise<IdentityRecord[]>;
  /** Nothing happens to the last way into an account. */
  unlink(userId: string, providerId: string, audit: AuditEntry): Promise<'unlinked' | 'last' | 'not-found'>;
}

/** Speaks OpenID Connect to one provider; every call is a dependency that may be down. */
export interface OidcClient {
  authorizationUrl(
    provider: IdentityProviderRecord,
    request: {
      redirectUri: string;
      state: string;
      nonce: string;
      codeVerifier: string;
      /** The person is to sign in there again, even if the provider still knows them. */
      reauthenticate: boolean;
    },
  ): Promise<string>;
  /** Undefined when the provider refuses, or the answer is not what was asked for. */
  profile(
    provider: IdentityProviderRecord,
    response: {
      callback: URLSearchParams;
      redirectUri: string;
      state: string;
      nonce: string;
      codeVerifier: string;
    },
  ): Promise<ProviderProfile | undefined>;
}
