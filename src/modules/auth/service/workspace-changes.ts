import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import type { WorkspaceChange } from '../ports/workspace-decisions.ts';

/** Who asks, and from where. */
export interface Asking {
  readonly principal: Principal;
  readonly caller: Caller;
}

/** A change in a workspace as it goes to the repository, with its entry for the audit log. */
export function changeOf(
  { principal, caller }: Asking,
  workspaceId: string,
  action: string,
  object: { readonly kind: string; readonly id: string },
  details: Readonly<Record<string, string | number | boolean | null>> = {},
): WorkspaceChange {
  return {
    workspaceId,
    actorId: principal.userId,
    audit: { ...auditedAs(principal, caller), action, object, details },
  };
}
