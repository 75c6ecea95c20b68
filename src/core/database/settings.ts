import { eq, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { settings } from './schema/core.ts';

export interface StoredSettings {
  readonly values: Readonly<Record<string, unknown>>;
  readonly updatedAt: Date;
  readonly updatedBy: string | null;
}

/** What is stored for a module, as it is: the module parses it. */
export async function readSettings(db: Database, module: string): Promise<StoredSettings | undefined> {
  const rows = await db
    .select({ values: settings.values, updatedAt: settings.updatedAt, updatedBy: settings.updatedBy })
    .from(settings)
    .where(eq(settings.module, module));
  return rows[0];
}

/** As a statement, to go into a batch with its audit entry. */
export function saveSettings(
  db: Database,
  module: string,
  values: Record<string, unknown>,
  updatedBy: string,
) {
  const row = { values, updatedBy, updatedAt: sql`now()` };
  return db
    .insert(settings)
    .values({ module, ...row })
    .onConflictDoUpdate({ target: settings.module, set: row });
}

/** Stores what is needed once and made at first use; does nothing when something is there. */
export function insertSettings(db: Database, module: string, values: Record<string, unknown>) {
  return db.insert(settings).values({ module, values }).onConflictDoNothing();
}

/** Stores only while the newest of `keys` is still the one that was read. */
export function replaceKeys(db: Database, module: string, newestId: string, values: Record<string, unknown>) {
  return db
    .update(settings)
    .set({ values, updatedAt: sql`now()` })
    .where(sql`${settings.module} = ${module} and ${settings.values}->'keys'->0->>'id' = ${newestId}`)
    .returning({ module: settings.module });
}
