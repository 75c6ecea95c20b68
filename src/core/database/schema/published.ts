import { type SQL, sql } from 'drizzle-orm';
import { text } from 'drizzle-orm/pg-core';
import { idToUuid, prefixedId } from '../columns.ts';
import { aiSchema } from './ai.ts';

/**
 * What a module may use of another module's data: the functions and views of drizzle/0002. Everything else in
 * a sibling's schema is off limits (docs/decisions/0003).
 */

/** Owned by the AI module. */
export const versionAnalysis = aiSchema
  .view('version_analysis', {
    versionId: prefixedId('ver')('version_id').notNull(),
    status: text('status', { enum: ['pending', 'processing', 'ready', 'skipped', 'failed'] }).notNull(),
    reason: text('reason'),
  })
  .existing();

/** Owned by storage: rows `(file_id, version_id)` of the live files and folders that the user may see. */
export function visibleFiles(userId: string): SQL {
  return sql`storage.visible_files(${idToUuid(userId)}::uuid)`;
}

/** Owned by storage: rank (1 viewer to 4 manager) of a user in the root of a drive (`usr_…`, `wsp_…`), null for nothing. */
export function rankInDrive(userId: string, driveId: string): SQL {
  const kind = driveId.startsWith('wsp_') ? 'workspace' : 'person';
  return sql`storage.rank_in_drive(${idToUuid(userId)}::uuid, ${idToUuid(driveId)}::uuid, ${kind})`;
}

/** Owned by storage: the same on a live file; null: it is not there for them. */
export function rankOn(userId: string, fileId: SQL): SQL {
  return sql`storage.rank_on(${idToUuid(userId)}::uuid, ${fileId})`;
}

/** Owned by storage: rows `(file_id, version_id)` of the live files and folders that the user may change. */
export function editableFiles(userId: string): SQL {
  return sql`storage.editable_files(${idToUuid(userId)}::uuid)`;
}

/** Owned by storage: rows `(file_id)` of a folder and everything live below it. */
export function subtree(folderId: string): SQL {
  return sql`storage.subtree(${idToUuid(folderId)}::uuid)`;
}
