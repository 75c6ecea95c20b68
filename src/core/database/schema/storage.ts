import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { prefixedId, xid8 } from '../columns.ts';

export const storageSchema = pgSchema('storage');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** Files and folders: the names. What a file contains is its current version. */
export const files = storageSchema.table(
  'files',
  {
    id: prefixedId('file')('id').primaryKey(),
    ownerId: prefixedId('usr')('owner_id').notNull(),
    /** Null at the root of the owner's drive. */
    parentId: prefixedId('file')('parent_id').references((): AnyPgColumn => files.id),
    kind: text('kind', { enum: ['file', 'folder'] }).notNull(),
    name: text('name').notNull(),
    /** Name in NFC and lower case: two names that look alike are one name. */
    nameKey: text('name_key').notNull(),
    currentVersionId: prefixedId('ver')('current_version_id').references((): AnyPgColumn => versions.id),
    /** Number of the newest version ever written. */
    versionCount: integer('version_count').notNull().default(0),
    trashedAt: at('trashed_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('files_sibling_name_key')
      .on(table.ownerId, sql`coalesce(${table.parentId}, ${table.ownerId})`, table.nameKey)
      .where(sql`${table.trashedAt} is null`),
    index('files_parent_id_idx').on(table.parentId, table.id),
    index('files_root_idx').on(table.ownerId, table.id).where(sql`${table.parentId} is null`),
    check('files_kind', sql`${table.kind} in ('file', 'folder')`),
    check('files_has_version', sql`(${table.kind} = 'file') = (${table.currentVersionId} is not null)`),
  ],
);

/** One immutable content. The row exists only if the object does. */
export const versions = storageSchema.table(
  'versions',
  {
    id: prefixedId('ver')('id').primaryKey(),
    fileId: prefixedId('file')('file_id')
      .notNull()
      .references(() => files.id),
    number: integer('number').notNull(),
    objectKey: text('object_key').notNull(),
    size: bigint('size', { mode: 'number' }).notNull(),
    /** Lower-case hex. */
    sha256: text('sha256').notNull(),
    contentType: text('content_type').notNull(),
    createdBy: prefixedId('usr')('created_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('versions_file_id_number_key').on(table.fileId, table.number),
    index('versions_object_key_idx').on(table.objectKey),
  ],
);

/**
 * The outbox: whatever must happen later starts from a row written with its cause. Readers keep a cursor
 * (transaction id, row id) and read only what is behind every running transaction, so that none is missed.
 */
export const outbox = storageSchema.table(
  'outbox',
  {
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    transactionId: xid8('transaction_id').notNull().default(sql`pg_current_xact_id()`),
    type: text('type').notNull(),
    fileId: prefixedId('file')('file_id').notNull(),
    versionId: prefixedId('ver')('version_id'),
    payload: jsonb('payload').notNull().default({}),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [index('outbox_order_idx').on(table.transactionId, table.id)],
);
