import { type AppError, coreError } from '../../../core/http/app-error.ts';
import type { WorkspacePermission } from '../../../core/security/permissions.ts';
import type { Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type {
  Decided,
  WorkspaceAuthorities,
  WorkspaceAuthority,
  WorkspaceRefusal,
} from '../ports/workspace-decisions.ts';

/**
 * What the caller may do in a workspace, before something is read there. Changes ask again in the statement that makes
 * them.
 *
 * @throws AppError `workspace_not_found` for everybody who is not a member, alike whether there is one of that id or
 * not; `permission_denied`
 */
export type RequireInWorkspace = (
  principal: Pick<Principal, 'userId'>,
  workspaceId: string,
  permission: WorkspacePermission,
) => Promise<WorkspaceAuthority>;

export function createRequireInWorkspace(authorities: WorkspaceAuthorities): RequireInWorkspace {
  return async ({ userId }, workspaceId, permission) => {
    const authority = await authorities.authorityIn(userId, workspaceId);
    if (authority === undefined) throw authError('workspace_not_found');
    if (!authority.permissions.has(permission)) throw workspaceDenied();
    return authority;
  };
}

/** @throws AppError with the code of the refusal, when it was refused */
export function unlessRefused<Value>(decided: Decided<Value>): Value {
  if (decided.refusal === null) return decided.value;
  throw errorOf(decided.refusal);
}

function errorOf(refusal: WorkspaceRefusal): AppError {
  switch (refusal) {
    case 'permission_denied':
      return workspaceDenied();
    case 'last_owner':
      return authError('last_owner', {
        detail: 'Make somebody else an owner first, or delete the workspace.',
      });
    case 'would_lock_you_out':
      return authError('would_lock_you_out', {
        detail: 'Come from a network that it allows, signed in with a second factor if it requires one.',
      });
    default:
      return authError(refusal);
  }
}

function workspaceDenied(): AppError {
  return coreError('permission_denied', { detail: 'Your role in the workspace does not permit this.' });
}
