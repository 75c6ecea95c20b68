import type { Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { type Page, type PageQuery, toPage } from '../models/pages.ts';
import type { Group, GroupMember } from '../models/workspaces.ts';
import type { GroupRepository } from '../ports/groups.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';
import { type Asking, changeOf } from './workspace-changes.ts';

/** Groups of members of a workspace. @throws AppError `group_not_found`, `group_name_taken`, `member_not_found` */
export interface Groups {
  list(workspaceId: string, principal: Principal, query: PageQuery): Promise<Page<Group>>;
  get(workspaceId: string, groupId: string, principal: Principal): Promise<Group>;
  create(workspaceId: string, name: string, asking: Asking): Promise<Group>;
  rename(workspaceId: string, groupId: string, name: string, asking: Asking): Promise<Group>;
  delete(workspaceId: string, groupId: string, asking: Asking): Promise<void>;
  listMembers(
    workspaceId: string,
    groupId: string,
    principal: Principal,
    query: PageQuery,
  ): Promise<Page<GroupMember>>;
  addMember(workspaceId: string, groupId: string, userId: string, asking: Asking): Promise<void>;
  removeMember(workspaceId: string, groupId: string, userId: string, asking: Asking): Promise<void>;
}

export function createGroups(dependencies: {
  readonly repository: GroupRepository;
  readonly requireInWorkspace: RequireInWorkspace;
  readonly newId: (prefix: 'grp') => string;
}): Groups {
  const { repository, requireInWorkspace, newId } = dependencies;
  const ofGroup = (id: string) => ({ kind: 'group', id });

  const found = async (workspaceId: string, groupId: string, principal: Principal): Promise<Group> => {
    await requireInWorkspace(principal, workspaceId, 'workspace:read');
    const group = await repository.find(workspaceId, groupId);
    if (group === undefined) throw authError('group_not_found');
    return group;
  };

  return {
    async list(workspaceId, principal, query) {
      await requireInWorkspace(principal, workspaceId, 'workspace:read');
      return toPage(await repository.list(workspaceId, query), query.limit, ({ id }) => id);
    },
    get: found,
    async create(workspaceId, name, asking) {
      const groupId = newId('grp');
      const change = changeOf(asking, workspaceId, 'group.create', ofGroup(groupId));
      return unlessRefused(await repository.create({ ...change, groupId, name }));
    },
    async rename(workspaceId, groupId, name, asking) {
      const change = changeOf(asking, workspaceId, 'group.update', ofGroup(groupId));
      return unlessRefused(await repository.rename({ ...change, groupId, name }));
    },
    async delete(workspaceId, groupId, asking) {
      const change = changeOf(asking, workspaceId, 'group.delete', ofGroup(groupId));
      unlessRefused(await repository.delete({ ...change, groupId }));
    },
    async listMembers(workspaceId, groupId, principal, query) {
      await found(workspaceId, groupId, principal);
      const rows = await repository.listMembers(workspaceId, groupId, query);
      return toPage(rows, query.limit, ({ userId }) => userId);
    },
    async addMember(workspaceId, groupId, userId, asking) {
      const change = changeOf(asking, workspaceId, 'group.add-member', ofGroup(groupId), { userId });
      unlessRefused(await repository.addMember({ ...change, groupId, userId }));
    },
    async removeMember(workspaceId, groupId, userId, asking) {
      const change = changeOf(asking, workspaceId, 'group.remove-member', ofGroup(groupId), { userId });
      unlessRefused(await repository.removeMember({ ...change, groupId, userId }));
    },
  };
}
