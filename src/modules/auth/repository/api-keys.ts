import { and, asc, eq, gt, isNull, or, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { apiKeys } from '../../../core/database/schema/auth.ts';
import { type ApiKey, MAX_LIVE_KEYS } from '../models/api-keys.ts';
import type { ApiKeyRepository } from '../ports/api-keys.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decideKey } from './key-decisions.ts';
import { uuid } from './workspace-decisions.ts';

/** Never `key_hash`. */
const RETURNED = sql`id, name, prefix, scopes, allowed_networks, created_at, expires_at, last_used_at,
  last_used_address, replaces, revoked_at`;
const LIVE = sql`k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`;

const rowSchema = z
  .object({
    id: prefixed('key'),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.string()),
    allowed_networks: z.array(z.string()),
    created_at: isoDate,
    expires_at: isoDate.nullable(),
    last_used_at: isoDate.nullable(),
    last_used_address: z.string().nullable(),
    replaces: prefixed('key').nullable(),
    revoked_at: isoDate.nullable(),
  })
  .transform(
    ({
      allowed_networks: allowedNetworks,
      created_at: createdAt,
      expires_at: expiresAt,
      last_used_at: lastUsedAt,
      last_used_address: lastUsedAddress,
      revoked_at: revokedAt,
      ...row
    }): ApiKey => ({
      ...row,
      allowedNetworks,
      createdAt,
      expiresAt,
      lastUsedAt,
      lastUsedAddress,
      revokedAt,
    }),
  );

export function createApiKeyRepository(db: Database): ApiKeyRepository {
  return {
    insert: (change, key) =>
      decideKey(db, change, {
        facts: [
          sql`live as materialized (
            select count(*) as keys from auth.api_keys k where k.user_id = ${uuid(change.holder.userId)} and ${LIVE})`,
        ],
        refusals: [
          ...(change.holder.workspaceId === undefined
            ? []
            : [
                sql`when not exists (select from account where ${array(key.scopes)} <@ permissions)
                  then 'permission_denied'`,
              ]),
          sql`when (select keys from live) >= ${MAX_LIVE_KEYS} then 'too_many_api_keys'`,
        ],
        effects: [
          sql`created as (
            insert into auth.api_keys
              (id, user_id, name, key_hash, prefix, scopes, allowed_networks, created_by, expires_at)
            select ${uuid(key.id)}, ${uuid(change.holder.userId)}, ${key.name}, ${key.keyHash}, ${key.prefix},
              ${array(key.scopes)}, ${array(key.allowedNetworks)}, ${uuid(change.actorId)},
              now() + make_interval(secs => ${key.lifetimeSeconds})
            from verdict where outcome = 'done'
            returning ${RETURNED})`,
        ],
        answer: sql`(select to_jsonb(created) from created)`,
        schema: rowSchema,
      }),

    async list(holderId, { cursor, limit, all }) {
      const rows = await db
        .select()
        .from(apiKeys)
        .where(
          and(
            eq(apiKeys.userId, holderId),
            cursor === undefined ? undefined : gt(apiKeys.id, cursor),
            all ? undefined : isNull(apiKeys.revokedAt),
            all ? undefined : or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`now()`)),
          ),
        )
        .orderBy(asc(apiKeys.id))
        .limit(limit + 1);
      return rows.map(toApiKey);
    },

    async find(holderId, id) {
      const [row] = await db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.id, id), eq(apiKeys.userId, holderId)));
      return row && toApiKey(row);
    },

    update: (change, id, { name = null, allowedNetworks = null }) =>
      decideKey(db, change, {
        facts: [target(change.holder.userId, id)],
        refusals: [notFound, notLive],
        effects: [
          sql`updated as (
            update auth.api_keys k set name = coalesce(${name}::text, k.name),
              allowed_networks = coalesce(${allowedNetworks && array(allowedNetworks)}::text[], k.allowed_networks)
            from verdict, target where verdict.outcome = 'done' and k.id = target.id
            returning ${of('k')})`,
        ],
        answer: sql`(select to_jsonb(updated) from updated)`,
        schema: rowSchema,
      }),

    revoke: (change, id) =>
      decideKey(db, change, {
        facts: [target(change.holder.userId, id)],
        refusals: [notFound],
        effects: [
          sql`revoked as (
            update auth.api_keys k set revoked_at = now() from verdict, target
            where verdict.outcome = 'done' and k.id = target.id and k.revoked_at is null)`,
        ],
        schema: z.null(),
      }),

    rotate: (change, id, successor, overlapSeconds) =>
      decideKey(db, change, {
        facts: [target(change.holder.userId, id)],
        refusals: [
          notFound,
          notLive,
          sql`when exists (select from target where rotated) then 'api_key_not_live'`,
        ],
        effects: [
          sql`created as (
            insert into auth.api_keys (id, user_id, name, key_hash, prefix, scopes, allowed_networks, created_by,
              expires_at, replaces)
            select ${uuid(successor.id)}, k.user_id, k.name, ${successor.keyHash}, ${successor.prefix}, k.scopes,
              k.allowed_networks, ${uuid(change.actorId)}, now() + (k.expires_at - k.created_at), k.id
            from verdict, target join auth.api_keys k on k.id = target.id where verdict.outcome = 'done'
            returning ${RETURNED})`,
          sql`outdated as (
            update auth.api_keys k
            set expires_at = least(k.expires_at, now() + make_interval(secs => ${overlapSeconds}))
            from verdict, target where verdict.outcome = 'done' and k.id = target.id)`,
        ],
        answer: sql`(select to_jsonb(created) from created)`,
        schema: rowSchema,
      }),
  };
}

/** A fact: the key, if the holder has it. */
function target(holderId: string, id: string): SQL {
  return sql`target as materialized (
    select k.id, ${LIVE} as live, exists (select from auth.api_keys n where n.replaces = k.id) as rotated
    from auth.api_keys k where k.id = ${uuid(id)} and k.user_id = ${uuid(holderId)})`;
}

const notFound = sql`when not exists (select from target) then 'api_key_not_found'`;
const notLive = sql`when not exists (select from target where live) then 'api_key_not_live'`;

const of = (alias: string): SQL =>
  sql.raw(
    ['id', 'name', 'prefix', 'scopes', 'allowed_networks', 'created_at', 'expires_at', 'last_used_at']
      .concat(['last_used_address', 'replaces', 'revoked_at'])
      .map((column) => `${alias}.${column}`)
      .join(', '),
  );

function array(texts: readonly string[]): SQL {
  return sql`array[${sql.join(
    texts.map((text) => sql`${text}`),
    sql`, `,
  )}]::text[]`;
}

function toApiKey(row: typeof apiKeys.$inferSelect): ApiKey {
  const { id, name, prefix, scopes, allowedNetworks, createdAt, expiresAt, lastUsedAt, revokedAt } = row;
  return {
    id,
    name,
    prefix,
    scopes,
    allowedNetworks,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    lastUsedAddress: row.lastUsedAddress,
    replaces: row.replaces,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
