import { newId } from '../../../core/database/columns.ts';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { createGroupRepository } from '../repository/groups.ts';
import { createInvitationRepository } from '../repository/invitations.ts';
import { createMemberRepository } from '../repository/members.ts';
import { createPermissionRepository } from '../repository/permissions.ts';
import { createPolicyRepository } from '../repository/policies.ts';
import { createRoleRepository } from '../repository/roles.ts';
import { createWorkspaceAuthorities } from '../repository/workspace-authorities.ts';
import { createWorkspaceRepository } from '../repository/workspaces.ts';
import { createGroups } from '../service/groups.ts';
import { createInvitations } from '../service/invitations.ts';
import { createLinkTo } from '../service/links.ts';
import { createMembers } from '../service/members.ts';
import { createExplainPermissions } from '../service/permissions.ts';
import { createPolicyRules } from '../service/policy-rules.ts';
import { createRoles } from '../service/roles.ts';
import { createRequireInWorkspace } from '../service/workspace-authority.ts';
import { createWorkspaces } from '../service/workspaces.ts';
import { type Foundation, policyDefaults } from './foundation.ts';

export function createWorkspaceRooms({ config, db, emails, limiter, now }: Foundation) {
  const requireInWorkspace = createRequireInWorkspace(createWorkspaceAuthorities(db));
  const workspaces = createWorkspaceRepository(db);
  const policies = createPolicyRepository(db);
  const shared = { requireInWorkspace, limiter, newId };
  return {
    workspaces: createWorkspaces({ ...shared, repository: workspaces }),
    members: createMembers({ ...shared, repository: createMemberRepository(db) }),
    groups: createGroups({ ...shared, repository: createGroupRepository(db) }),
    invitations: createInvitations({
      ...{ ...shared, workspaces, emails, newSecret, hashSecret, now },
      repository: createInvitationRepository(db),
      linkTo: createLinkTo(config.EMAIL_LINK_BASE ?? config.AUTH_ISSUER),
    }),
    roles: createRoles({ ...shared, repository: createRoleRepository(db) }),
    policyRules: createPolicyRules({ ...shared, repository: policies }),
    explainPermissions: createExplainPermissions({
      repository: createPermissionRepository(db),
      policies,
      defaults: policyDefaults(config),
    }),
  };
}
