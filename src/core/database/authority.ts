import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { PERMISSIONS, type Permission } from '../security/permissions.ts';
import type { Principal } from '../security/principal.ts';
import type { Database } from './client.ts';
import { idToUuid, uuidToId } from './columns.ts';

/** Reads who is behind a credential right now; undefined when it opens nothing (any more). */
export interface Authorities {
  ofSession(sessionId: string, keyId: string, address: string | null): Promise<Principal | undefined>;
  ofApiKey(keyHash: string, address: string | null): Promise<Principal | undefined>;
}

const known: ReadonlySet<string> = new Set(PERMISSIONS);
const permissionsSchema = z
  .array(z.string())
  .transform((names) => new Set(names.filter((name): name is Permission => known.has(name))));

const authoritySchema = z.object({
  user_id: z.string(),
  kind: z.enum(['person', 'service']),
  role: z.string(),
  permissions: permissionsSchema,
  restriction: z.enum(['mfa_required', 'network_not_allowed']).nullable(),
});
const sessionAuthoritySchema = authoritySchema.extend({
  client_id: z.string().nullable(),
  methods: z.array(z.string()),
  authenticated_ms: z.coerce.number(),
});
const keyAuthoritySchema = authoritySchema.extend({ key_id: z.string() });

/** The published functions of drizzle/0004: each right has one definition, which takes effect with its commit. */
export function createAuthorities(db: Database): Authorities {
  const first = async (query: SQL): Promise<unknown> => (await db.execute(query)).rows[0];
  return {
    async ofSession(sessionId, keyId, address) {
      const row = await first(sql`
        select *, extract(epoch from authenticated_at) * 1000 as authenticated_ms
        from auth.authority_of_session(${idToUuid(sessionId)}::uuid, ${keyId}, ${address}::inet)`);
      if (row === undefined) return undefined;
      const authority = sessionAuthoritySchema.parse(row);
      return {
        ...common(authority),
        credential: {
          kind: 'session',
          id: sessionId,
          clientId: authority.client_id && uuidToId('cli', authority.client_id),
        },
        authenticatedAt: authority.authenticated_ms,
        methods: authority.methods,
      };
    },
    async ofApiKey(keyHash, address) {
      const row = await first(sql`select * from auth.authority_of_key(${keyHash}, ${address}::inet)`);
      if (row === undefined) return undefined;
      const authority = keyAuthoritySchema.parse(row);
      return {
        ...common(authority),
        credential: { kind: 'api-key', id: uuidToId('key', authority.key_id) },
        authenticatedAt: null,
        methods: [],
      };
    },
  };
}

function common({ user_id, kind, role, permissions, restriction }: z.output<typeof authoritySchema>) {
  return { userId: uuidToId('usr', user_id), kind, role, permissions, restriction };
}
