import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import type { SealedColumn } from '../ports/sealed-columns.ts';

const rowsSchema = z.array(z.object({ id: z.string(), sealed: z.string() }));

/** Everything of the module that is sealed and stays; e-mails are gone before any rotation is over. */
export function createSealedColumns(db: Database): readonly SealedColumn[] {
  const column = (options: {
    table: SQL;
    key: SQL;
    value: SQL;
    where: SQL;
    contextOf: (id: string) => string;
    toDriver?: (id: string) => string;
    fromDriver?: (key: string) => string;
  }): SealedColumn => {
    const { table, key, value, where, contextOf, toDriver = same, fromDriver = same } = options;
    return {
      contextOf,
      async notUnder(prefix, limit) {
        const { rows } = await db.execute(sql`
          select ${key}::text as id, ${value} as sealed from ${table}
          where not starts_with(${value}, ${prefix}) and ${where} limit ${limit}`);
        return rowsSchema.parse(rows).map(({ id, sealed }) => ({ id: fromDriver(id), sealed }));
      },
      async replace(id, from, to) {
        await db.execute(sql`
          update ${table} set ${value} = ${to} where ${key}::text = ${toDriver(id)} and ${value} = ${from}`);
      },
    };
  };
  return [
    column({
      table: sql`auth.signing_keys`,
      key: sql`id`,
      value: sql`sealed_key`,
      where: sql`revoked_at is null and (retires_at is null or retires_at > now())`,
      contextOf: (id) => `signing-key ${id}`,
    }),
    column({
      table: sql`auth.totp_credentials`,
      key: sql`user_id`,
      value: sql`sealed_secret`,
      where: sql`true`,
      contextOf: (id) => `totp ${id}`,
      toDriver: idToUuid,
      fromDriver: (uuid) => uuidToId('usr', uuid),
    }),
    column({
      table: sql`auth.identity_providers`,
      key: sql`id`,
      value: sql`sealed_client_secret`,
      where: sql`sealed_client_secret is not null`,
      contextOf: (id) => `identity-provider ${id}`,
    }),
  ];
}

const same = (id: string): string => id;
