import type { AuditEntry } from '../../../core/security/audit.ts';
import type { UserRecord } from './users.ts';

export interface OauthClient {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly scopes: readonly string[];
  /** Null: a public client. */
  readonly secretHash: string | null;
  /** Null: registered itself. */
  readonly createdBy: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly disabledAt: Date | null;
}

export interface PageOf {
  /** The last id of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface OauthClientRepository {
  insertClient(
    client: Pick<OauthClient, 'id' | 'name' | 'redirectUris' | 'grantTypes' | 'scopes' | 'secretHash'>,
    audit: AuditEntry,
  ): Promise<OauthClient | undefined>;
  findClient(id: string): Promise<OauthClient | undefined>;
  noteUse(id: string): Promise<void>;
  /** The newest first. */
  listClients(page: PageOf): Promise<OauthClient[]>;
  /** Undefined when there is none. */
  setDisabled(id: string, disabled: boolean): Promise<OauthClient | undefined>;
  /** Clients that registered themselves, have no live grant and were not used for so long. */
  deleteUnused(days: number): Promise<void>;
}

export interface OauthGrant {
  readonly sessionId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
}

/** Whose grant it has to be: nobody ends what belongs to somebody else. */
export type GrantOwner = { readonly userId: string } | { readonly clientId: string };

export interface OauthGrantRepository {
  /** Nobody who is disabled or deleted. */
  findPerson(userId: string): Promise<{ user: UserRecord; passwordChangedAt: Date | null } | undefined>;
  /** Live or not: what the family of this refresh token is about. */
  grantOfRefreshToken(
    tokenHash: string,
  ): Promise<{ sessionId: string; clientId: string | null; scopes: readonly string[] } | undefined>;
  /** Live ones, the newest first. */
  listGrants(userId: string, page: PageOf): Promise<OauthGrant[]>;
  /** Undefined when it is over already or somebody else's. */
  revokeGrant(
    sessionId: string,
    owner: GrantOwner,
    reason: string,
  ): Promise<{ userId: string; clientId: string } | undefined>;
  /**
   * Keeps with a used code the session that it made.
   * @returns false when the code came back in the meantime, so that the session must not be
   */
  keepSessionOfCode(codeHash: string, sessionId: string): Promise<boolean>;
  /** Notes that a used code came back; returns the session that it had made. Undefined for codes that were never used. */
  reuseCode(codeHash: string): Promise<{ sessionId: string | null; clientId: string } | undefined>;
}

export interface NewDeviceCode {
  readonly deviceCodeHash: string;
  readonly userCode: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly intervalSeconds: number;
  readonly expiresAt: Date;
}

export interface DeviceApproval {
  readonly userId: string;
  readonly methods: readonly string[];
  readonly authenticatedAt: Date;
}

export type DevicePoll =
  | ({ readonly status: 'approved'; readonly scopes: readonly string[] } & DeviceApproval)
  | { readonly status: 'pending'; readonly tooFast: boolean }
  | { readonly status: 'denied' | 'expired' | 'unknown' };

export interface DeviceCodeRepository {
  /** False when the user code is taken. */
  insert(code: NewDeviceCode): Promise<boolean>;
  /** One that waits for its person. */
  findPending(userCode: string): Promise<{ clientId: string; scopes: readonly string[] } | undefined>;
  /** False when it does not wait any more. */
  approve(userCode: string, approval: DeviceApproval): Promise<boolean>;
  deny(userCode: string): Promise<boolean>;
  /**
   * Of any number of polls at once exactly one gets the approval. A poll before the interval is over makes the
   * interval 5 seconds longer (RFC 8628 3.5).
   */
  poll(deviceCodeHash: string, clientId: string): Promise<DevicePoll>;
  deleteExpired(): Promise<void>;
}
