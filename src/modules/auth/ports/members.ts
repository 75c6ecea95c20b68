import type { PageQuery } from '../models/pages.ts';
import type { Member } from '../models/workspaces.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

export interface MemberRepository {
  /** By user id; up to one more than `limit`. */
  list(workspaceId: string, query: PageQuery): Promise<Member[]>;
  setRole(change: WorkspaceChange & { userId: string; role: string }): Promise<Decided<Member>>;
  /** Out of the workspace and of its groups; invitations they sent are void. */
  remove(change: WorkspaceChange & { userId: string }): Promise<Decided<null>>;
  /** The same, of the actor, for whom it is enough to be a member. */
  leave(change: WorkspaceChange): Promise<Decided<null>>;
  /** Another member becomes an owner, the actor an admin. */
  transfer(change: WorkspaceChange & { userId: string }): Promise<Decided<null>>;
}
