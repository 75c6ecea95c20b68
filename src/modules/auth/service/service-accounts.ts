import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { type Page, type PageQuery, toPage } from '../models/pages.ts';
import type { ServiceAccount } from '../models/service-accounts.ts';
import type { ServiceAccountRepository } from '../ports/service-accounts.ts';
import type { WorkspaceChange } from '../ports/workspace-decisions.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';

const PERMISSION = 'service-accounts:write';

/** Programs with an identity of their own: they belong to a workspace, and stay when the person who made them goes. */
export interface ServiceAccounts {
  create(
    input: { workspaceId: string; name: string; role: string },
    principal: Principal,
    caller: Caller,
  ): Promise<ServiceAccount>;
  list(workspaceId: string, page: PageQuery, principal: Principal): Promise<Page<ServiceAccount>>;
  get(workspaceId: string, accountId: string, principal: Principal): Promise<ServiceAccount>;
  update(
    input: {
      workspaceId: string;
      accountId: string;
      name?: string | undefined;
      disabled?: boolean | undefined;
    },
    principal: Principal,
    caller: Caller,
  ): Promise<ServiceAccount>;
  remove(workspaceId: string, accountId: string, principal: Principal, caller: Caller): Promise<void>;
}

export function createServiceAccounts(dependencies: {
  readonly repository: ServiceAccountRepository;
  readonly requireInWorkspace: RequireInWorkspace;
  readonly newId: (prefix: 'usr') => string;
}): ServiceAccounts {
  const { repository, requireInWorkspace, newId } = dependencies;

  return {
    async create({ workspaceId, name, role }, principal, caller) {
      const accountId = newId('usr');
      const change = changeOf('create', { workspaceId, accountId }, principal, caller, { role });
      return unlessRefused(await repository.create({ ...change, accountId, name, role }));
    },

    async list(workspaceId, page, principal) {
      await requireInWorkspace(principal, workspaceId, PERMISSION);
      return toPage(await repository.list(workspaceId, page), page.limit, ({ id }) => id);
    },

    async get(workspaceId, accountId, principal) {
      await requireInWorkspace(principal, workspaceId, PERMISSION);
      const account = await repository.find(workspaceId, accountId);
      if (account === undefined) throw authError('service_account_not_found');
      return account;
    },

    async update({ workspaceId, accountId, name, disabled }, principal, caller) {
      const details = disabled === undefined ? {} : { disabled };
      const change = changeOf('update', { workspaceId, accountId }, principal, caller, details);
      return unlessRefused(await repository.update({ ...change, accountId, name, disabled }));
    },

    async remove(workspaceId, accountId, principal, caller) {
      const change = changeOf('delete', { workspaceId, accountId }, principal, caller);
      unlessRefused(await repository.remove({ ...change, accountId }));
    },
  };
}

function changeOf(
  verb: 'create' | 'update' | 'delete',
  { workspaceId, accountId }: { workspaceId: string; accountId: string },
  principal: Principal,
  caller: Caller,
  details: Readonly<Record<string, string | boolean>> = {},
): WorkspaceChange {
  return {
    workspaceId,
    actorId: principal.userId,
    audit: {
      ...auditedAs(principal, caller),
      action: `service-account.${verb}`,
      object: { kind: 'user', id: accountId },
      details,
    },
  };
}
