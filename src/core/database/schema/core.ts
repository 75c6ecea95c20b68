import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgSchema, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core';

export const coreSchema = pgSchema('core');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/**
 * Who did what. Rows are inserted with their cause and never changed (triggers in drizzle/0004); a sealer gives them
 * their place in the hash chain, a moment later and in order (docs/decisions/0013).
 */
export const auditEvents = coreSchema.table(
  'audit_events',
  {
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    occurredAt: at('occurred_at').notNull().default(sql`now()`),
    actorKind: text('actor_kind', { enum: ['person', 'service', 'anonymous', 'system'] }).notNull(),
    actorId: text('actor_id'),
    /** The session or API key that the actor used. */
    credentialId: text('credential_id'),
    action: text('action').notNull(),
    objectKind: text('object_kind'),
    objectId: text('object_id'),
    workspaceId: text('workspace_id'),
    result: text('result', { enum: ['success', 'denied', 'failure'] }).notNull(),
    /** Code of the refusal. */
    reason: text('reason'),
    address: text('address'),
    requestId: text('request_id'),
    details: jsonb('details').$type<Record<string, string | number | boolean | null>>().notNull().default({}),
    /** Place in the chain, without gaps; null until sealed. */
    sequence: bigint('sequence', { mode: 'number' }),
    /** SHA-256 over the previous hash and the row, lower-case hex. */
    hash: text('hash'),
  },
  (table) => [
    uniqueIndex('audit_events_sequence_key').on(table.sequence),
    index('audit_events_unsealed_idx').on(table.id).where(sql`${table.sequence} is null`),
    index('audit_events_actor_idx').on(table.actorId, table.id),
    index('audit_events_workspace_idx').on(table.workspaceId, table.id),
    index('audit_events_object_idx').on(table.objectId, table.id),
    index('audit_events_action_idx').on(table.action, table.id),
    index('audit_events_occurred_at_idx').on(table.occurredAt),
  ],
);

/** A signed statement that the chain up to `sequence` ends in `hash`. */
export const auditCheckpoints = coreSchema.table('audit_checkpoints', {
  sequence: bigint('sequence', { mode: 'number' }).primaryKey(),
  hash: text('hash').notNull(),
  createdAt: at('created_at').notNull().default(sql`now()`),
  /** Ed25519 over the other columns, as a compact JWS. */
  signature: text('signature').notNull(),
});

/** Switches that work at once and without a deploy. */
export const flags = coreSchema.table('flags', {
  /** `module.name`. */
  name: text('name').primaryKey(),
  description: text('description').notNull().default(''),
  enabled: text('enabled', { enum: ['off', 'on', 'partial'] })
    .notNull()
    .default('off'),
  /** With `partial`: on for these workspaces, users, and this share of everybody else. */
  workspaceIds: text('workspace_ids').array().notNull().default(sql`'{}'`),
  userIds: text('user_ids').array().notNull().default(sql`'{}'`),
  percentage: integer('percentage').notNull().default(0),
  updatedAt: at('updated_at').notNull().default(sql`now()`),
  updatedBy: text('updated_by'),
});

/** Settings of a module that may change while it runs; each module parses its own with zod. */
export const settings = coreSchema.table('settings', {
  module: text('module').primaryKey(),
  values: jsonb('values').$type<Record<string, unknown>>().notNull(),
  updatedAt: at('updated_at').notNull().default(sql`now()`),
  updatedBy: text('updated_by'),
});
