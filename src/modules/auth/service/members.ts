import { coreError } from '../../../core/http/app-error.ts';
import type { Principal } from '../../../core/security/principal.ts';
import { type Page, type PageQuery, toPage } from '../models/pages.ts';
import type { Member } from '../models/workspaces.ts';
import type { MemberRepository } from '../ports/members.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';
import { type Asking, changeOf } from './workspace-changes.ts';

/**
 * Whatever happens, a workspace keeps an owner who can sign in (`last_owner`), nobody gives a role that permits more
 * than their own, and only owners touch owners (`permission_denied`).
 */
export interface Members {
  list(workspaceId: string, principal: Principal, query: PageQuery): Promise<Page<Member>>;
  setRole(workspaceId: string, userId: string, role: string, asking: Asking): Promise<Member>;
  remove(workspaceId: string, userId: string, asking: Asking): Promise<void>;
  leave(workspaceId: string, asking: Asking): Promise<void>;
  /** Another member becomes an owner, and the caller an admin. */
  transfer(workspaceId: string, userId: string, asking: Asking): Promise<void>;
}

export function createMembers(dependencies: {
  readonly repository: MemberRepository;
  readonly requireInWorkspace: RequireInWorkspace;
}): Members {
  const { repository, requireInWorkspace } = dependencies;
  const ofUser = (id: string) => ({ kind: 'user', id });
  return {
    async list(workspaceId, principal, query) {
      const { permissions } = await requireInWorkspace(principal, workspaceId, 'workspace:read');
      const mayManage = permissions.has('members:write');
      const rows = await repository.list(workspaceId, query);
      const page = toPage(rows, query.limit, ({ userId }) => userId);
      const items = page.items.map((member) =>
        mayManage || member.userId === principal.userId ? member : { ...member, email: null },
      );
      return { ...page, items };
    },

    async setRole(workspaceId, userId, role, asking) {
      const change = changeOf(asking, workspaceId, 'member.set-role', ofUser(userId), { role });
      return unlessRefused(await repository.setRole({ ...change, userId, role }));
    },

    async remove(workspaceId, userId, asking) {
      const change = changeOf(asking, workspaceId, 'member.remove', ofUser(userId));
      unlessRefused(await repository.remove({ ...change, userId }));
    },

    async leave(workspaceId, asking) {
      const change = changeOf(asking, workspaceId, 'member.leave', ofUser(asking.principal.userId));
      unlessRefused(await repository.leave(change));
    },

    async transfer(workspaceId, userId, asking) {
      await requireInWorkspace(asking.principal, workspaceId, 'ownership:transfer');
      if (userId === asking.principal.userId)
        throw coreError('invalid_request', {
          detail: 'Ownership goes to somebody else.',
          errors: [{ field: 'userId', message: 'must be another member' }],
        });
      const change = changeOf(asking, workspaceId, 'ownership.transfer', ofUser(userId));
      unlessRefused(await repository.transfer({ ...change, userId }));
    },
  };
}
