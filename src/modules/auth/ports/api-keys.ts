import type { AuditEntry } from '../../../core/security/audit.ts';
import type { ApiKey, ListApiKeys, UpdateApiKey } from '../models/api-keys.ts';
import type { Decided } from './workspace-decisions.ts';

/** Whose keys they are. */
export interface KeyHolder {
  readonly userId: string;
  /** Of a service account: changed by members of this workspace who may, and only by them. */
  readonly workspaceId?: string;
}

/** A change of a key by somebody; the entry gets its result from the decision. */
export interface KeyChange {
  readonly holder: KeyHolder;
  readonly actorId: string;
  readonly audit: Omit<AuditEntry, 'result' | 'reason' | 'workspaceId'>;
}

/** What is kept of a new key. */
export interface KeyMaterial {
  readonly id: string;
  readonly keyHash: string;
  readonly prefix: string;
}

export interface ApiKeyRepository {
  /** Refuses `too_many_api_keys`, and `permission_denied` for scopes that a service account could never use. */
  insert(
    change: KeyChange,
    key: KeyMaterial & {
      readonly name: string;
      readonly scopes: readonly string[];
      readonly allowedNetworks: readonly string[];
      readonly lifetimeSeconds: number;
    },
  ): Promise<Decided<ApiKey>>;
  /** By id; one more than `limit`, if there are more. */
  list(holderId: string, query: ListApiKeys): Promise<ApiKey[]>;
  find(holderId: string, id: string): Promise<ApiKey | undefined>;
  update(change: KeyChange, id: string, settings: UpdateApiKey): Promise<Decided<ApiKey>>;
  /** Revoking what is revoked already is no error. */
  revoke(change: KeyChange, id: string): Promise<Decided<null>>;
  /**
   * Puts a new key with the same settings and the same life in the place of one that is live and not rotated yet,
   * which expires after `overlapSeconds`, or when it would have; of two at once one wins, the other gets
   * `api_key_not_live`.
   */
  rotate(
    change: KeyChange,
    id: string,
    successor: KeyMaterial,
    overlapSeconds: number,
  ): Promise<Decided<ApiKey>>;
}
