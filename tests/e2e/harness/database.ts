import { neon, neonConfig } from '@neondatabase/serverless';
import { z } from 'zod';
import { createKeyring, keyringSchema } from '../../../src/core/security/keyring.ts';
import type { Stack } from '../../../src/local/stack.ts';

export interface DatabaseAddress {
  readonly databaseUrl: string;
  readonly databaseEndpoint: string;
}

/** A statement with `$1` parameters, by the way that the Workers take. */
export async function query(
  { databaseUrl, databaseEndpoint }: DatabaseAddress,
  statement: string,
  parameters: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  neonConfig.fetchEndpoint = databaseEndpoint;
  const rows = await neon(databaseUrl).query(statement, [...parameters]);
  return z.array(z.record(z.string(), z.unknown())).parse(rows);
}

const keySchema = z.object({ id: z.string(), sealed_key: z.string() });
const jwkSchema = z.record(z.string(), z.string());

/** The private keys of access tokens as a JSON Web Key Set: for whoever has both the database and the keyring. */
export async function readSigningKeys(stack: Stack, address: DatabaseAddress): Promise<string> {
  // Asking for the public halves makes the first key.
  await fetch(`${stack.url}/.well-known/jwks.json`);
  const keyring = createKeyring(keyringSchema.parse(stack.secrets.authEncryptionKeys));
  const rows = z.array(keySchema).parse(await query(address, 'select id, sealed_key from auth.signing_keys'));
  const keys = rows.map(async ({ id, sealed_key }) => ({
    ...jwkSchema.parse(JSON.parse(await keyring.open(`signing-key ${id}`, sealed_key))),
    kid: id,
  }));
  return JSON.stringify({ keys: await Promise.all(keys) });
}

/** Tables of the database that hold this text anywhere in a row. */
export async function tablesWith(address: DatabaseAddress, text: string): Promise<string[]> {
  const tables = await query(
    address,
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_schema in ('auth', 'core', 'storage', 'ai') and table_type = 'BASE TABLE'`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    // A row as text has all of its columns in it.
    const sql = `select 1 from ${String(name)} as r where strpos(r::text, $1) > 0 limit 1`;
    if ((await query(address, sql, [text])).length > 0) found.push(String(name));
  }
  return found;
}
