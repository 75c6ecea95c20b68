import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Role, RoleScope } from '../models/roles.ts';

export interface RoleRepository {
  list(): Promise<Role[]>;
  listOfWorkspaces(): Promise<Role[]>;
  /**
   * Makes or changes a custom role.
   *
   * @param within for roles of the deployment: nothing that permits more than this may be made or changed
   */
  set(input: {
    readonly scope: RoleScope;
    readonly name: string;
    readonly description: string;
    readonly permissions: readonly string[];
    readonly within: readonly string[] | null;
    readonly audit: Omit<AuditEntry, 'result' | 'reason'>;
  }): Promise<{ outcome: 'done'; role: Role } | { outcome: 'built_in_role' | 'permission_denied' }>;
  /** Only while no user, member or open invitation has it. */
  delete(
    scope: RoleScope,
    name: string,
    within: readonly string[] | null,
    audit: Omit<AuditEntry, 'result' | 'reason'>,
  ): Promise<'done' | 'role_not_found' | 'built_in_role' | 'role_in_use' | 'permission_denied'>;
}
