import { and, desc, gt, isNull, or, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { signingKeys } from '../../../core/database/schema/auth.ts';
import type { SigningKeyRepository } from '../ports/signing-keys.ts';

/** Any constant will do: whoever makes the first key takes the same lock. */
const LOCK = sql`select pg_advisory_xact_lock(727002)`;

export function createSigningKeyRepository(db: Database): SigningKeyRepository {
  return {
    accepted: () =>
      db
        .select()
        .from(signingKeys)
        .where(
          and(
            isNull(signingKeys.revokedAt),
            or(isNull(signingKeys.retiresAt), gt(signingKeys.retiresAt, sql`now()`)),
          ),
        )
        .orderBy(desc(signingKeys.signsFrom)),
    async insertFirst({ id, publicKey, sealedKey }) {
      await db.batch([
        db.execute(LOCK),
        db.execute(sql`
          insert into auth.signing_keys (id, public_key, sealed_key, signs_from)
          select ${id}, ${JSON.stringify(publicKey)}::jsonb, ${sealedKey}, now()
          where not exists (select from auth.signing_keys
            where revoked_at is null and (retires_at is null or retires_at > now()))`),
      ]);
    },
  };
}
