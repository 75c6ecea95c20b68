import type { PageQuery } from '../models/pages.ts';
import type { Workspace } from '../models/workspaces.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

export interface WorkspaceRepository {
  /** A new workspace with its first owner. */
  create(input: { name: string } & WorkspaceChange): Promise<Workspace>;
  /** Of a member, oldest first; up to one more than `limit`. */
  listOf(userId: string, query: PageQuery): Promise<Workspace[]>;
  find(userId: string, workspaceId: string): Promise<Workspace | undefined>;
  rename(change: WorkspaceChange & { name: string }): Promise<Decided<Workspace>>;
  /** Its members lose it at once; its service accounts are disabled. */
  delete(change: WorkspaceChange): Promise<Decided<null>>;
}
