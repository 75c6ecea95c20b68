import { eq, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { idToUuid, uuidToId } from './columns.ts';
import { flags } from './schema/core.ts';

export type StoredFlag = typeof flags.$inferSelect;
export type FlagState = Pick<StoredFlag, 'enabled' | 'workspaceIds' | 'userIds' | 'percentage'>;

export const readFlags = (db: Database): Promise<StoredFlag[]> => db.select().from(flags);

/** As a statement, to go into a batch with its audit entry. */
export function saveFlag(db: Database, name: string, state: FlagState, updatedBy: string) {
  const values = { ...state, updatedBy, updatedAt: sql`now()` };
  return db
    .insert(flags)
    .values({ name, ...values })
    .onConflictDoUpdate({ target: flags.name, set: values });
}

export function deleteFlag(db: Database, name: string) {
  return db.delete(flags).where(eq(flags.name, name));
}

/** Ids of the workspaces of a user, by the function that auth publishes; it knows groups too, which match no flag. */
export async function workspacesOf(db: Database, userId: string): Promise<string[]> {
  const { rows } = await db.execute(
    sql`select principal_id as id from auth.principals_of(${idToUuid(userId)}::uuid)`,
  );
  return rows.map(({ id }) => uuidToId('wsp', String(id)));
}
