import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import { isAgent, type Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { INVITATIONS_PER_RECIPIENT, INVITATIONS_PER_USER } from '../limits.ts';
import { type Page, type PageQuery, toPage } from '../models/pages.ts';
import type { Invitation, Workspace } from '../models/workspaces.ts';
import type { InvitationRepository } from '../ports/invitations.ts';
import type { WorkspaceRepository } from '../ports/workspaces.ts';
import type { Emails } from './emails.ts';
import type { LinkTo } from './links.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';
import { type Asking, changeOf } from './workspace-changes.ts';

const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
/** A role that manages something is given by people, as in the list of members. */
const ROLES_FROM_PROGRAMS: readonly string[] = ['member', 'viewer'];

/** For registration by invitation: true while the token opens a workspace to this very address. */
export type AcceptsInvitation = (email: string, token: string) => Promise<boolean>;

export interface Invitations {
  /**
   * Sends the token to the address, and shows it to nobody else. An older invitation of the address is void.
   * @throws AppError `already_member`, `email_domain_not_allowed`, `role_not_found`, `too_many_requests`
   */
  create(
    workspaceId: string,
    input: { readonly email: string; readonly role: string },
    asking: Asking,
  ): Promise<Invitation>;
  list(workspaceId: string, principal: Principal, query: PageQuery): Promise<Page<Invitation>>;
  revoke(workspaceId: string, invitationId: string, asking: Asking): Promise<void>;
  /**
   * Once, by whoever has the invited address, verified. It dies with the right of its inviter to invite.
   * @throws AppError `invalid_token`, `invitation_for_another_address`
   */
  accept(token: string, asking: Asking): Promise<Workspace>;
}

export function createAcceptsInvitation(
  repository: Pick<InvitationRepository, 'isFor'>,
  hashSecret: (secret: string) => string,
): AcceptsInvitation {
  return (email, token) => repository.isFor(email, hashSecret(token));
}

export interface InvitationsDependencies {
  readonly repository: InvitationRepository;
  readonly workspaces: Pick<WorkspaceRepository, 'find'>;
  readonly requireInWorkspace: RequireInWorkspace;
  readonly limiter: RateLimiter;
  readonly emails: Pick<Emails, 'send'>;
  readonly linkTo: LinkTo;
  readonly newId: (prefix: 'inv') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
}

export function createInvitations(dependencies: InvitationsDependencies): Invitations {
  const { repository, requireInWorkspace, limiter, emails, linkTo, newId, newSecret, hashSecret, now } =
    dependencies;
  const ofInvitation = (id: string) => ({ kind: 'invitation', id });
  return {
    async create(workspaceId, { email, role }, asking) {
      // Before anything is counted: who is no member must not use up anybody's limit.
      await requireInWorkspace(asking.principal, workspaceId, 'invitations:write');
      if (isAgent(asking.principal) && !ROLES_FROM_PROGRAMS.includes(role))
        throw coreError('permission_denied', { detail: 'Programs invite members and viewers only.' });
      const claims = [
        { limit: INVITATIONS_PER_USER, key: asking.principal.userId },
        { limit: INVITATIONS_PER_RECIPIENT, key: hashSecret(email.toLowerCase()) },
      ];
      refuseOverLimit(...(await limiter.consumeAll(claims)));
      const token = newSecret();
      const invitationId = newId('inv');
      const decided = await repository.create({
        ...changeOf(asking, workspaceId, 'invitation.create', ofInvitation(invitationId), { role }),
        invitationId,
        email,
        role,
        tokenHash: hashSecret(token),
        expiresAt: new Date(now().getTime() + LIFETIME_MS),
      });
      const { invitation, workspaceName, inviterName } = unlessRefused(decided);
      const link = linkTo('accept-invitation', token);
      await emails.send(email, {
        template: 'invitation',
        workspace: workspaceName,
        inviter: inviterName,
        link,
      });
      return invitation;
    },

    async list(workspaceId, principal, query) {
      await requireInWorkspace(principal, workspaceId, 'invitations:write');
      return toPage(await repository.list(workspaceId, query), query.limit, ({ id }) => id);
    },

    async revoke(workspaceId, invitationId, asking) {
      const change = changeOf(asking, workspaceId, 'invitation.revoke', ofInvitation(invitationId));
      unlessRefused(await repository.revoke({ ...change, invitationId }));
    },

    async accept(token, { principal, caller }) {
      const audit = { ...auditedAs(principal, caller), action: 'invitation.accept' };
      const acceptance = await repository.accept(principal.userId, hashSecret(token), audit);
      if (acceptance.outcome === 'invitation_for_another_address')
        throw authError('invitation_for_another_address', {
          detail: 'Sign in with the invited address, and verify it first.',
        });
      if (acceptance.outcome !== 'done')
        throw authError('invalid_token', { detail: 'Ask for another invitation.' });
      const workspace = await dependencies.workspaces.find(principal.userId, acceptance.workspaceId);
      if (workspace === undefined) throw authError('workspace_not_found');
      return workspace;
    },
  };
}
