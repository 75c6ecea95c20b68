import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { WORKSPACES_PER_USER } from '../limits.ts';
import { type Page, type PageQuery, toPage } from '../models/pages.ts';
import type { Workspace } from '../models/workspaces.ts';
import type { WorkspaceRepository } from '../ports/workspaces.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';
import { type Asking, changeOf } from './workspace-changes.ts';

export interface Workspaces {
  /** The creator becomes its owner. @throws AppError `too_many_requests` */
  create(name: string, asking: Asking): Promise<Workspace>;
  list(principal: Principal, query: PageQuery): Promise<Page<Workspace>>;
  get(workspaceId: string, principal: Principal): Promise<Workspace>;
  rename(workspaceId: string, name: string, asking: Asking): Promise<Workspace>;
  delete(workspaceId: string, asking: Asking): Promise<void>;
}

export function createWorkspaces(dependencies: {
  readonly repository: WorkspaceRepository;
  readonly requireInWorkspace: RequireInWorkspace;
  readonly limiter: RateLimiter;
  readonly newId: (prefix: 'wsp') => string;
}): Workspaces {
  const { repository, requireInWorkspace, limiter, newId } = dependencies;
  return {
    async create(name, asking) {
      refuseOverLimit(await limiter.consume(WORKSPACES_PER_USER, asking.principal.userId));
      const id = newId('wsp');
      return repository.create({
        ...changeOf(asking, id, 'workspace.create', { kind: 'workspace', id }),
        name,
      });
    },

    async list({ userId }, query) {
      return toPage(await repository.listOf(userId, query), query.limit, ({ id }) => id);
    },

    async get(id, principal) {
      await requireInWorkspace(principal, id, 'workspace:read');
      const workspace = await repository.find(principal.userId, id);
      if (workspace === undefined) throw authError('workspace_not_found');
      return workspace;
    },

    async rename(id, name, asking) {
      const change = changeOf(asking, id, 'workspace.update', { kind: 'workspace', id });
      return unlessRefused(await repository.rename({ ...change, name }));
    },

    async delete(id, asking) {
      const change = changeOf(asking, id, 'workspace.delete', { kind: 'workspace', id });
      unlessRefused(await repository.delete(change));
    },
  };
}
