import type { Permissions } from '../models/permissions.ts';

/** What decides about a caller besides their policies. */
export interface PermissionFacts {
  /** Of the deployment role. */
  readonly rolePermissions: readonly string[];
  /** Of the key, or of the session of an OAuth client; null: no limit. */
  readonly scopes: readonly string[] | null;
  readonly workspaces: Permissions['workspaces'];
  readonly groups: Permissions['groups'];
}

export interface PermissionRepository {
  factsOf(
    userId: string,
    credential: { readonly kind: 'session' | 'api-key'; readonly id: string },
    limit: number,
  ): Promise<PermissionFacts>;
}
