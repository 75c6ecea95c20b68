import type { File } from '../../../contracts/storage.ts';
import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { storageError } from '../errors.ts';
import { ADDRESSES_PER_USER } from '../limits.ts';
import type { Access, Grant, GrantedRole, Grantee } from '../models/grants.ts';
import type { Role } from '../ports/actor.ts';
import type { AccessRepository, GrantRepository, Standing } from '../ports/grants.ts';
import { type Page, pageOf } from './page.ts';
import { requireRole } from './roles.ts';

export interface GrantServiceDependencies {
  readonly grants: GrantRepository;
  readonly access: AccessRepository;
  readonly limiter: RateLimiter;
  readonly newId: (prefix: 'grt') => string;
}

/** Who asks, and from where. */
export interface Asker {
  readonly principal: Principal;
  readonly caller: Caller;
}

export type GrantService = ReturnType<typeof createGrantService>;

/**
 * Who may do what. Nobody can be shut out of their own drive, nor who manages a workspace out of its drive: what these
 * have does not come from grants (docs/decisions/0018).
 */
export function createGrantService({ grants, access, limiter, newId }: GrantServiceDependencies) {
  async function standingWith(needed: Role, userId: string, fileId: string): Promise<Standing> {
    const standing = await grants.standing(userId, fileId);
    requireRole(needed, standing?.rank ?? 0);
    if (standing === undefined) throw storageError('file_not_found');
    return standing;
  }

  return {
    async list(userId: string, fileId: string, query: { cursor?: string | undefined; limit: number }) {
      await standingWith('manager', userId, fileId);
      const rows = await grants.list(userId, fileId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (grant) => grant.id);
    },

    /** Sharing with the same principal again sets the role. */
    async share(
      asker: Asker,
      fileId: string,
      input: { principal: Grantee; role: GrantedRole; expiresAt?: Date | null | undefined },
      resourceUuid?: string,
    ): Promise<Grant> {
      const { userId } = asker.principal;
      const standing = await standingWith('manager', userId, fileId);
      if ('email' in input.principal) refuseOverLimit(await limiter.consume(ADDRESSES_PER_USER, userId));
      const principalId = await grants.principalFor(userId, input.principal);
      if (principalId === undefined) throw storageError('principal_not_found');
      if (principalId === standing.driveId && input.principal.kind === 'user')
        throw storageError('owner_has_all');
      const { role, expiresAt = null, principal } = input;
      const given = await grants.put(
        userId,
        fileId,
        {
          id: resourceUuid === undefined ? newId('grt') : `grt_${resourceUuid.replaceAll('-', '')}`,
          principalKind: principal.kind,
          principalId,
          role,
          expiresAt,
        },
        audited(asker, 'grant.create', standing, fileId, {
          principal: principalId,
          role,
          expiresAt: expiresAt?.toISOString() ?? null,
        }),
      );
      if (given === undefined) throw storageError('file_not_found');
      return given;
    },

    async update(
      asker: Asker,
      fileId: string,
      grantId: string,
      change: { role?: GrantedRole | undefined; expiresAt?: Date | null | undefined },
    ): Promise<Grant> {
      const { userId } = asker.principal;
      const standing = await standingWith('manager', userId, fileId);
      const { role, expiresAt } = change;
      const updated = await grants.update(
        userId,
        fileId,
        grantId,
        { ...(role === undefined ? {} : { role }), ...(expiresAt === undefined ? {} : { expiresAt }) },
        audited(asker, 'grant.update', standing, fileId, {
          grant: grantId,
          ...(role === undefined ? {} : { role }),
          ...(expiresAt === undefined ? {} : { expiresAt: expiresAt?.toISOString() ?? null }),
        }),
      );
      if (updated === undefined) throw storageError('grant_not_found');
      return updated;
    },

    async remove(asker: Asker, fileId: string, grantId: string): Promise<void> {
      const { userId } = asker.principal;
      const standing = await standingWith('manager', userId, fileId);
      const entry = audited(asker, 'grant.delete', standing, fileId, { grant: grantId });
      if (!(await grants.remove(userId, fileId, grantId, entry))) throw storageError('grant_not_found');
    },

    /** Who can do what and by which rule: managers are told all of it, everybody else about themselves. */
    async explain(
      userId: string,
      fileId: string,
      query: { userId?: string | undefined; cursor?: string | undefined; limit: number },
    ): Promise<Page<Access>> {
      const about = query.userId ?? userId;
      const standing = await standingWith(about === userId ? 'viewer' : 'manager', userId, fileId);
      if (query.userId === undefined && standing.rank === 4) {
        const rules = await access.rules(userId, fileId, query.cursor ?? null, query.limit + 1);
        return rulePage(rules, query.limit);
      }
      const one = await access.explain(userId, fileId, about);
      if (one === undefined) throw storageError('principal_not_found');
      return { items: [one], nextCursor: null };
    },

    async shared(userId: string, query: { cursor?: string | undefined; limit: number }): Promise<Page<File>> {
      const rows = await grants.shared(userId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (file) => file.id);
    },

    async leave(asker: Asker, fileId: string): Promise<void> {
      const { userId } = asker.principal;
      const standing = await standingWith('viewer', userId, fileId);
      const entry = audited(asker, 'grant.leave', standing, fileId, {});
      if (!(await grants.leave(userId, fileId, newId('grt'), entry))) throw storageError('file_not_found');
    },
  };
}

/** The page's limit is of grants: the few rules of the drive come on top of the first page. */
function rulePage(rules: readonly Access[], limit: number): Page<Access> {
  const ofDrive = rules.filter(({ rule }) => rule?.kind !== 'grant');
  const { items, nextCursor } = pageOf(
    rules.filter(({ rule }) => rule?.kind === 'grant'),
    limit,
    ({ principal }) => principal.id,
  );
  return { items: [...ofDrive, ...items], nextCursor };
}

export function audited(
  { principal, caller }: Asker,
  action: string,
  { driveId }: Pick<Standing, 'driveId'>,
  fileId: string,
  details: Readonly<Record<string, string | number | boolean | null>>,
) {
  return {
    ...auditedAs(principal, caller),
    action,
    object: { kind: 'file', id: fileId },
    workspaceId: driveId.startsWith('wsp_') ? driveId : null,
    result: 'success' as const,
    details,
  };
}
