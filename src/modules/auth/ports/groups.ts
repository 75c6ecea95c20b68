import type { PageQuery } from '../models/pages.ts';
import type { Group, GroupMember } from '../models/workspaces.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

export interface GroupRepository {
  list(workspaceId: string, query: PageQuery): Promise<Group[]>;
  find(workspaceId: string, groupId: string): Promise<Group | undefined>;
  listMembers(workspaceId: string, groupId: string, query: PageQuery): Promise<GroupMember[]>;
  create(change: WorkspaceChange & { groupId: string; name: string }): Promise<Decided<Group>>;
  rename(change: WorkspaceChange & { groupId: string; name: string }): Promise<Decided<Group>>;
  delete(change: WorkspaceChange & { groupId: string }): Promise<Decided<null>>;
  /** Only a member of the workspace; adding twice is adding once. */
  addMember(change: WorkspaceChange & { groupId: string; userId: string }): Promise<Decided<null>>;
  removeMember(change: WorkspaceChange & { groupId: string; userId: string }): Promise<Decided<null>>;
}
