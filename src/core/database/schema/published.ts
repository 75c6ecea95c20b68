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
