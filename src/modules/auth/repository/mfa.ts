import { and, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { recoveryCodes, totpCredentials, users } from '../../../core/database/schema/auth.ts';
import type { MfaRepository } from '../ports/mfa.ts';

export function createMfaRepository(db: Database): MfaRepository {
  return {
    async factorsOf(userId) {
      const [row] = await db
        .select({
          totpConfirmedAt: totpCredentials.confirmedAt,
          passkeys: sql<number>`(select count(*)::int from auth.passkeys where user_id = ${users.id})`,
          recoveryCodesLeft: sql<number>`(select count(*)::int from auth.recovery_codes
            where user_id = ${users.id} and used_at is null)`,
          passwordChangedAt: users.passwordChangedAt,
        })
        .from(users)
        .leftJoin(totpCredentials, eq(totpCredentials.userId, users.id))
        .where(eq(users.id, userId));
      return row ?? { totpConfirmedAt: null, passkeys: 0, recoveryCodesLeft: 0, passwordChangedAt: null };
    },

    async findTotp(userId) {
      const rows = await db.select().from(totpCredentials).where(eq(totpCredentials.userId, userId));
      return rows[0];
    },

    async beginTotp(userId, sealedSecret) {
      const rows = await db
        .insert(totpCredentials)
        .values({ userId, sealedSecret })
        .onConflictDoUpdate({
          target: totpCredentials.userId,
          set: { sealedSecret, lastStep: 0, createdAt: sql`now()` },
          setWhere: isNull(totpCredentials.confirmedAt),
        })
        .returning({ userId: totpCredentials.userId });
      return rows.length > 0;
    },

    async confirmTotp({ userId, sealedSecret, step, codeHashes }) {
      const [, { rows }] = await db.batch([
        lockUser(db, userId),
        db.execute(sql`
        with confirmed as (
          update auth.totp_credentials set confirmed_at = now(), last_step = ${step}
          where user_id = ${idToUuid(userId)}::uuid and confirmed_at is null and sealed_secret = ${sealedSecret}
          returning user_id
        ), voided as (
          delete from auth.recovery_codes where user_id in (select user_id from confirmed)
        ), stored as (
          insert into auth.recovery_codes (user_id, code_hash)
          select c.user_id, h.hash from confirmed c, ${hashes(codeHashes)}
        )
        select user_id from confirmed`),
      ]);
      return rows.length > 0;
    },

    async useTotpStep(userId, sealedSecret, step) {
      const rows = await db
        .update(totpCredentials)
        .set({ lastStep: step })
        .where(
          and(
            eq(totpCredentials.userId, userId),
            eq(totpCredentials.sealedSecret, sealedSecret),
            isNotNull(totpCredentials.confirmedAt),
            lt(totpCredentials.lastStep, step),
          ),
        )
        .returning({ userId: totpCredentials.userId });
      return rows.length > 0;
    },

    async removeTotp(userId, keepLast) {
      const mine = eq(totpCredentials.userId, userId);
      const [, before, removed] = await db.batch([
        lockUser(db, userId),
        db.select({ userId: totpCredentials.userId }).from(totpCredentials).where(mine),
        db
          .delete(totpCredentials)
          .where(
            and(
              mine,
              keepLast
                ? sql`(${totpCredentials.confirmedAt} is null
                    or exists (select from auth.passkeys p where p.user_id = ${totpCredentials.userId}))`
                : undefined,
            ),
          )
          .returning({ userId: totpCredentials.userId }),
        dropOrphanedRecoveryCodes(db, userId),
      ]);
      if (before.length === 0) return 'missing';
      return removed.length > 0 ? 'removed' : 'last';
    },

    async replaceRecoveryCodes(userId, codeHashes) {
      const id = sql`${idToUuid(userId)}::uuid`;
      const [, , stored] = await db.batch([
        lockUser(db, userId),
        db.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId)),
        db.execute(sql`
          insert into auth.recovery_codes (user_id, code_hash)
          select ${id}, h.hash from ${hashes(codeHashes)}
          where exists (select from auth.passkeys where user_id = ${id})
            or exists (select from auth.totp_credentials where user_id = ${id} and confirmed_at is not null)
          returning code_hash`),
      ]);
      return stored.rows.length > 0;
    },

    async useRecoveryCode(userId, codeHash) {
      const rows = await db
        .update(recoveryCodes)
        .set({ usedAt: sql`now()` })
        .where(
          and(
            eq(recoveryCodes.userId, userId),
            eq(recoveryCodes.codeHash, codeHash),
            isNull(recoveryCodes.usedAt),
          ),
        )
        .returning({ userId: recoveryCodes.userId });
      return rows.length > 0;
    },
  };
}

/** Changes of one user's factors go one after the other: two removals at once never leave a user without any. */
export function lockUser(db: Database, userId: string) {
  return db.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('no key update');
}

/** Recovery codes stand in for a factor; without one they would be a password that nobody knows of. */
export function dropOrphanedRecoveryCodes(db: Database, userId: string) {
  return db.delete(recoveryCodes).where(
    and(
      eq(recoveryCodes.userId, userId),
      sql`not exists (select from auth.passkeys p where p.user_id = ${recoveryCodes.userId})`,
      sql`not exists (select from auth.totp_credentials t
        where t.user_id = ${recoveryCodes.userId} and t.confirmed_at is not null)`,
    ),
  );
}

function hashes(codeHashes: readonly string[]) {
  return sql`jsonb_array_elements_text(${JSON.stringify(codeHashes)}::jsonb) as h(hash)`;
}
