import type { PageQuery } from '../models/pages.ts';
import type { ServiceAccount } from '../models/service-accounts.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

export interface ServiceAccountRepository {
  /** Refuses a role that does not exist, or may more than the actor. */
  create(
    change: WorkspaceChange & { readonly accountId: string; readonly name: string; readonly role: string },
  ): Promise<Decided<ServiceAccount>>;
  list(workspaceId: string, page: PageQuery): Promise<ServiceAccount[]>;
  find(workspaceId: string, accountId: string): Promise<ServiceAccount | undefined>;
  update(
    change: WorkspaceChange & {
      readonly accountId: string;
      readonly name?: string | undefined;
      readonly disabled?: boolean | undefined;
    },
  ): Promise<Decided<ServiceAccount>>;
  /** With its keys and memberships. */
  remove(change: WorkspaceChange & { readonly accountId: string }): Promise<Decided<null>>;
}
