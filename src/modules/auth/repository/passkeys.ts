import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { passkeys } from '../../../core/database/schema/auth.ts';
import type { PasskeyRepository } from '../ports/passkeys.ts';
import { dropOrphanedRecoveryCodes, lockUser } from './mfa.ts';

const columns = {
  id: passkeys.id,
  userId: passkeys.userId,
  name: passkeys.name,
  credentialId: passkeys.credentialId,
  publicKey: passkeys.publicKey,
  transports: passkeys.transports,
  backedUp: passkeys.backedUp,
  createdAt: passkeys.createdAt,
  lastUsedAt: passkeys.lastUsedAt,
};

export function createPasskeyRepository(db: Database): PasskeyRepository {
  const own = (userId: string, id: string) => and(eq(passkeys.userId, userId), eq(passkeys.id, id));
  const find = (id: string) => db.select(columns).from(passkeys).where(eq(passkeys.id, id));
  return {
    list: (userId) =>
      db.select(columns).from(passkeys).where(eq(passkeys.userId, userId)).orderBy(asc(passkeys.id)),

    async findByCredentialId(credentialId) {
      const rows = await db.select(columns).from(passkeys).where(eq(passkeys.credentialId, credentialId));
      return rows[0];
    },

    async insert({ id, userId, name, credentialId, publicKey, counter, transports, backedUp }, max) {
      const owner = sql`${idToUuid(userId)}::uuid`;
      try {
        const [, , found] = await db.batch([
          lockUser(db, userId),
          db.execute(sql`
            insert into auth.passkeys
              (id, user_id, name, credential_id, public_key, counter, transports, backed_up)
            select ${idToUuid(id)}::uuid, ${owner}, ${name}, ${credentialId}, ${publicKey}, ${counter}::bigint,
              array(select jsonb_array_elements_text(${JSON.stringify(transports)}::jsonb)), ${backedUp}::boolean
            where (select count(*) from auth.passkeys where user_id = ${owner}) < ${max}::int`),
          find(id),
        ]);
        return found[0] ?? 'full';
      } catch (error) {
        if (violatesUnique(error, 'passkeys_credential_id_key')) return 'taken';
        throw error;
      }
    },

    async rename(userId, id, name) {
      const rows = await db.update(passkeys).set({ name }).where(own(userId, id)).returning(columns);
      return rows[0];
    },

    async remove(userId, id, keepLast) {
      const [, before, removed] = await db.batch([
        lockUser(db, userId),
        db.select({ id: passkeys.id }).from(passkeys).where(own(userId, id)),
        db
          .delete(passkeys)
          .where(
            and(
              own(userId, id),
              keepLast
                ? sql`(exists (select from auth.passkeys p
                      where p.user_id = ${passkeys.userId} and p.id <> ${passkeys.id})
                    or exists (select from auth.totp_credentials t
                      where t.user_id = ${passkeys.userId} and t.confirmed_at is not null))`
                : undefined,
            ),
          )
          .returning({ id: passkeys.id }),
        dropOrphanedRecoveryCodes(db, userId),
      ]);
      if (before.length === 0) return 'missing';
      return removed.length > 0 ? 'removed' : 'last';
    },

    async advanceCounter(id, counter, backedUp) {
      const rows = await db
        .update(passkeys)
        .set({ counter, backedUp, lastUsedAt: sql`now()` })
        .where(
          and(
            eq(passkeys.id, id),
            sql`(${passkeys.counter} < ${counter}::bigint or (${passkeys.counter} = 0 and ${counter}::bigint = 0))`,
          ),
        )
        .returning({ id: passkeys.id });
      return rows.length > 0;
    },
  };
}
