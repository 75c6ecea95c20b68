import { desc, eq, lt, sql } from 'drizzle-orm';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { oauthClients } from '../../../core/database/schema/auth.ts';
import type { OauthClientRepository } from '../ports/oauth.ts';

export function createOauthClientRepository(db: Database): OauthClientRepository {
  return {
    async insertClient({ redirectUris, grantTypes, scopes, ...client }, audit) {
      const lists = { redirectUris: [...redirectUris], grantTypes: [...grantTypes], scopes: [...scopes] };
      const [created] = await db.batch([
        db
          .insert(oauthClients)
          .values({ ...client, ...lists })
          .returning(),
        appendAudit(db, audit),
      ]);
      return created[0];
    },

    async findClient(id) {
      const rows = await db.select().from(oauthClients).where(eq(oauthClients.id, id));
      return rows[0];
    },

    async noteUse(id) {
      await db.update(oauthClients).set({ lastUsedAt: sql`now()` }).where(eq(oauthClients.id, id));
    },

    listClients: ({ cursor, limit }) =>
      db
        .select()
        .from(oauthClients)
        .where(cursor === undefined ? undefined : lt(oauthClients.id, cursor))
        .orderBy(desc(oauthClients.id))
        .limit(limit),

    async setDisabled(id, disabled) {
      const rows = await db
        .update(oauthClients)
        .set({ disabledAt: disabled ? sql`coalesce(${oauthClients.disabledAt}, now())` : null })
        .where(eq(oauthClients.id, id))
        .returning();
      return rows[0];
    },

    // A live session keeps its client: with the row would go the mark that the client is disabled.
    async deleteUnused(days) {
      await db.execute(sql`
        delete from auth.oauth_clients c
        where c.created_by is null
          and coalesce(c.last_used_at, c.created_at) < now() - make_interval(days => ${days})
          and not exists (select from auth.sessions s
            where s.client_id = c.id and s.revoked_at is null and s.expires_at > now())`);
    },
  };
}
