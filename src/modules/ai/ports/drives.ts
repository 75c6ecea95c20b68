import type { Caller, Principal } from '../../../core/security/principal.ts';

/** Who asks, and from where, for what is audited. */
export interface Asker {
  readonly principal: Principal;
  readonly caller: Caller;
}

/** Why nothing was changed. @property rank what the user may do there: 0 nothing, 1 viewer to 4 manager */
export interface Refusal<Code extends string> {
  readonly refused: Code;
  readonly rank: number;
}

export type DriveCode = 'drive_not_found' | 'role_required';

/** Rows of a drive that the user sees (`rank` 1 and more), or does not (0). */
export interface InDrive<T> {
  readonly rank: number;
  readonly items: readonly T[];
}
