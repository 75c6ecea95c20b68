import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import { rankInDrive } from '../../../core/database/schema/published.ts';
import type { Refusal } from '../ports/drives.ts';

export const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

/** As `lbl_…`, which is how labels are named beside the categories of the default taxonomy. */
export const labelOf = (id: SQL): SQL => sql`('lbl_' || replace(${id}::text, '-', ''))`;

/** The first statement of a batch that counts what it adds to: one after the other. */
export const lockDrive = (driveId: string): SQL =>
  sql`select pg_advisory_xact_lock(hashtextextended(${`ai:drive:${driveId}`}, 0))`;

/** A row (rank), 0 for nothing. */
export const selectRank = (userId: string, driveId: string): SQL =>
  sql`select coalesce(${rankInDrive(userId, driveId)}, 0) as rank`;

/** The common table `drive (id, rank)`. */
export const driveTable = (userId: string, driveId: string): SQL =>
  sql`drive as materialized (select ${uuid(driveId)} as id, coalesce(${rankInDrive(userId, driveId)}, 0) as rank)`;

/** The first cases of a verdict over `drive`, for who has to manage it. */
export const MANAGES: SQL = sql`when drive.rank = 0 then 'drive_not_found' when drive.rank < 4 then 'role_required'`;

/** True when a label belongs to the drive, or is a category of the default taxonomy, which the service has looked at. */
export const labelIsThere = (label: string, driveId: SQL): SQL =>
  label.startsWith('lbl_')
    ? sql`exists (select from ai.labels l where l.id = ${uuid(label)} and l.drive_id = ${driveId})`
    : sql`true`;

/** The row (refused, rank) that a statement answers with; undefined when it did what it was asked for. */
export function refusalOf<Code extends string>(
  row: Readonly<Record<string, unknown>> | undefined,
  codes: readonly Code[],
): Refusal<Code> | undefined {
  const refused = codes.find((code) => code === row?.refused);
  return refused && { refused, rank: Number(row?.rank ?? 0) };
}

/** Driver types vary for computed columns. */
export const isoOf = (value: unknown): string => new Date(String(value)).toISOString();
