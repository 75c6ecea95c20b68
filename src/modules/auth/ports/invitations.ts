import type { AuditEntry } from '../../../core/security/audit.ts';
import type { PageQuery } from '../models/pages.ts';
import type { Invitation } from '../models/workspaces.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

export interface NewInvitation extends WorkspaceChange {
  readonly invitationId: string;
  readonly email: string;
  readonly role: string;
  readonly tokenHash: string;
  readonly expiresAt: Date;
}

export interface Invited {
  readonly invitation: Invitation;
  /** For the e-mail. */
  readonly workspaceName: string;
  readonly inviterName: string;
}

export type Acceptance =
  | {
      readonly outcome: 'done';
      readonly workspaceId: string;
      readonly invitationId: string;
      /** The one that counts: whoever was a member already keeps theirs. */
      readonly role: string;
    }
  | { readonly outcome: 'invalid_token' | 'invitation_for_another_address' };

export interface InvitationRepository {
  /** Replaces an older invitation of the same address. */
  create(invitation: NewInvitation): Promise<Decided<Invited>>;
  /** Those that wait for an answer, oldest first; up to one more than `limit`. */
  list(workspaceId: string, query: PageQuery): Promise<Invitation[]>;
  revoke(change: WorkspaceChange & { invitationId: string }): Promise<Decided<null>>;
  /** Of any number at once exactly one is `done`; whoever has another address leaves the token as it was. */
  accept(
    userId: string,
    tokenHash: string,
    audit: Omit<AuditEntry, 'result' | 'object' | 'workspaceId'>,
  ): Promise<Acceptance>;
  isFor(email: string, tokenHash: string): Promise<boolean>;
  deleteOld(): Promise<void>;
}
