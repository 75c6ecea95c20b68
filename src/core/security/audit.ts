import type { Caller, Principal } from './principal.ts';

/** What somebody did or was refused; `action` is one of docs/audit.md. Never a token, password or key. */
export interface AuditEntry {
  readonly actor: {
    readonly kind: 'person' | 'service' | 'anonymous' | 'system';
    readonly id?: string | null;
    readonly credentialId?: string | null;
  };
  readonly action: string;
  readonly object?: { readonly kind: string; readonly id: string } | undefined;
  readonly workspaceId?: string | null;
  readonly result: 'success' | 'denied' | 'failure';
  readonly reason?: string | null;
  readonly address?: string | null;
  readonly requestId?: string | null;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Writes entries whose cause is not a batch that they could travel in. A failure is the caller's failure. */
export type RecordAudit = (entry: AuditEntry) => Promise<void>;

/** The part of an entry that says who and from where. */
export function auditedAs(
  principal: Principal,
  caller: Caller,
): Pick<AuditEntry, 'actor' | 'address' | 'requestId'> {
  return {
    actor: { kind: principal.kind, id: principal.userId, credentialId: principal.credential.id },
    address: caller.address,
    requestId: caller.requestId,
  };
}
