import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Category, CreateLabel, Label, UpdateLabel } from '../models/labels.ts';
import type { DriveCode, InDrive, Refusal } from './drives.ts';

export type LabelRefusal = Refusal<
  DriveCode | 'label_not_found' | 'label_exists' | 'too_many_labels' | 'file_not_found'
>;

/** What a drive sorts its files into. Every write names who writes, and happens if they manage the drive, or not at all. */
export interface LabelRepository {
  /** By id, those after `after`. */
  list(userId: string, driveId: string, after: string | null, limit: number): Promise<InDrive<Label>>;
  create(
    userId: string,
    driveId: string,
    label: CreateLabel & { readonly id: string },
    audit: AuditEntry,
  ): Promise<Label | LabelRefusal>;
  update(
    userId: string,
    driveId: string,
    id: string,
    change: UpdateLabel,
    audit: AuditEntry,
  ): Promise<Label | LabelRefusal>;
  /** With its rules, its examples, and the scores of all files. */
  delete(
    userId: string,
    driveId: string,
    id: string,
    audit: AuditEntry,
  ): Promise<{ readonly id: string } | LabelRefusal>;
}

export type CorrectionRefusal = Refusal<
  'file_not_found' | 'not_a_file' | 'role_required' | 'label_not_found'
>;

/** What people say of the categories of a file, in the drive that it is in. */
export interface CorrectionRepository {
  /** Of the current version; undefined when the user does not see the file. */
  categories(userId: string, fileId: string): Promise<Category[] | 'not_a_file' | undefined>;
  /** `correct` null forgets what was said. Rules that the file now reaches are asked for. */
  correct(
    userId: string,
    fileId: string,
    label: string,
    correct: boolean | null,
  ): Promise<{ readonly categories: Category[] } | CorrectionRefusal>;
}
