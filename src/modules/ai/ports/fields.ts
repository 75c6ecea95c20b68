import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Field, PutField } from '../models/fields.ts';
import type { DriveCode, InDrive, Refusal } from './drives.ts';

export type FieldRefusal = Refusal<DriveCode | 'field_not_found' | 'too_many_fields'>;

/** What a drive wants to be found in its documents. Whoever writes has to manage the drive. */
export interface FieldRepository {
  list(userId: string, driveId: string, after: string | null, limit: number): Promise<InDrive<Field>>;
  find(userId: string, driveId: string, name: string): Promise<InDrive<Field>>;
  /** Values that were found under another type are forgotten. */
  put(
    userId: string,
    driveId: string,
    field: PutField & { readonly name: string },
    audit: AuditEntry,
  ): Promise<Field | FieldRefusal>;
  /** With its values. */
  delete(
    userId: string,
    driveId: string,
    name: string,
    audit: AuditEntry,
  ): Promise<{ readonly name: string } | FieldRefusal>;
}
