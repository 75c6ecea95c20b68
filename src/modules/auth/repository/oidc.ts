import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { identities, identityProviders, users } from '../../../core/database/schema/auth.ts';
import type { NewIdentity, OidcRepository } from '../ports/oidc.ts';
import { dispossession, endings } from './endings.ts';
import { lockUser } from './mfa.ts';
import { userColumns } from './users.ts';

const providerColumns = {
  id: identityProviders.id,
  name: identityProviders.name,
  issuer: identityProviders.issuer,
  clientId: identityProviders.clientId,
  sealedClientSecret: identityProviders.sealedClientSecret,
  scopes: identityProviders.scopes,
  allowsSignUp: identityProviders.allowsSignUp,
  enabled: identityProviders.enabled,
};
/** Name of the primary key in drizzle/0003. */
const IDENTITY_KEY = 'identities_provider_id_subject_pk';

export function createOidcRepository(db: Database): OidcRepository {
  const falseIfTaken = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      if (violatesUnique(error, IDENTITY_KEY)) return false;
      throw error;
    }
  };

  return {
    providers: () => db.select(providerColumns).from(identityProviders).orderBy(asc(identityProviders.id)),

    async provider(id) {
      const rows = await db
        .select(providerColumns)
        .from(identityProviders)
        .where(eq(identityProviders.id, id));
      return rows[0];
    },

    async saveProvider({ id, issuer, ...changes }, audit) {
      const [saved] = await db.batch([
        db
          .insert(identityProviders)
          .values({ id, issuer, ...changes })
          .onConflictDoUpdate({
            target: identityProviders.id,
            set: { ...changes, updatedAt: sql`now()` },
            setWhere: eq(identityProviders.issuer, issuer),
          })
          .returning({ id: identityProviders.id }),
        appendAudit(db, audit),
      ]);
      return saved.length > 0;
    },

    async deleteProvider(id, audit) {
      const [deleted] = await db.batch([
        db
          .delete(identityProviders)
          .where(eq(identityProviders.id, id))
          .returning({ id: identityProviders.id }),
        appendAudit(db, audit),
      ]);
      return deleted.length > 0;
    },

    async userOfIdentity(providerId, subject) {
      const used = db.$with('used').as(
        db
          .update(identities)
          .set({ lastUsedAt: sql`now()` })
          .where(and(eq(identities.providerId, providerId), eq(identities.subject, subject)))
          .returning({ userId: identities.userId }),
      );
      const rows = await db
        .with(used)
        .select(userColumns)
        .from(users)
        .innerJoin(used, eq(used.userId, users.id))
        .where(isNull(users.deletedAt));
      return rows[0];
    },

    linkIdentity: (identity, audit) =>
      falseIfTaken(db.batch([db.insert(identities).values(identity), appendAudit(db, audit)])),

    linkAndTakeOver: (identity, audit) => falseIfTaken(takeOver(db, identity, audit)),

    async insertUserWithIdentity(user, identity, audit) {
      try {
        const [created] = await db.batch([
          db
            .insert(users)
            .values({ ...user, emailVerifiedAt: sql`now()` })
            .returning(userColumns),
          db.insert(identities).values(identity),
          appendAudit(db, audit),
        ]);
        return created[0];
      } catch (error) {
        if (violatesUnique(error, 'users_email_key') || violatesUnique(error, IDENTITY_KEY)) return undefined;
        throw error;
      }
    },

    identitiesOf: (userId) =>
      db.select().from(identities).where(eq(identities.userId, userId)).orderBy(asc(identities.createdAt)),

    async unlink(userId, providerId, audit) {
      // The lock first: of two ways that are unlinked at once, the second one's snapshot lacks the first.
      const [, { rows }] = await db.batch([
        lockUser(db, userId),
        db.execute(sql`
        with locked as (select id, password_hash from auth.users where id = ${idToUuid(userId)}::uuid),
        ways as (
          select (select count(*) from locked where password_hash is not null)
            + (select count(*) from auth.passkeys where user_id = (select id from locked))
            + (select count(*) from auth.identities where user_id = (select id from locked)
                and provider_id <> ${providerId}) as others
        ), gone as (
          delete from auth.identities where user_id = (select id from locked) and provider_id = ${providerId}
            and (select others from ways) > 0
          returning 1
        )
        select (select count(*) from gone)::int as gone,
          exists (select from auth.identities where user_id = (select id from locked)
            and provider_id = ${providerId}) as there`),
      ]);
      const row = rows[0];
      if (row === undefined || row.there !== true) return 'not-found';
      if (row.gone === 0) return 'last';
      await appendAudit(db, audit);
      return 'unlinked';
    },
  };
}

function takeOver(db: Database, identity: NewIdentity, audit: Parameters<typeof appendAudit>[1]) {
  // Only an account whose address nobody has confirmed is emptied, and before the identity comes to it.
  return db.batch([
    lockUser(db, identity.userId),
    db.execute(sql`
      with changed as (
        update auth.users set password_hash = null, password_changed_at = now(), email_verified_at = now(),
          updated_at = now()
        where id = ${idToUuid(identity.userId)}::uuid and email_verified_at is null and deleted_at is null
        returning id
      ), ${endings({ reason: 'address confirmed by its owner' })}, unproven as (
        select id from changed
      ), ${dispossession()}
      select id from changed`),
    db.insert(identities).values(identity),
    appendAudit(db, audit),
  ]);
}
