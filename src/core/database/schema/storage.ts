import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { prefixedId, xid8 } from '../columns.ts';

/** Triggers and functions of this schema, among them who may see what, are in drizzle/0006. */
export const storageSchema = pgSchema('storage');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
const bytes = (name: string) => bigint(name, { mode: 'number' });
const fileId = prefixedId('file');
const versionId = prefixedId('ver');
const objectId = prefixedId('obj');
const userId = prefixedId('usr');

/** What belongs to one person or one workspace; `id` is theirs. What is in it is counted by triggers. */
export const drives = storageSchema.table('drives', {
  id: uuid('id').primaryKey(),
  kind: text('kind', { enum: ['person', 'workspace'] }).notNull(),
  /** Grows with every change of anything in the drive that an answer could show. */
  generation: bytes('generation').notNull().default(1),
  /** Every version counts, in the trash too. */
  usedBytes: bytes('used_bytes').notNull().default(0),
  /** Of uploads that have begun. */
  reservedBytes: bytes('reserved_bytes').notNull().default(0),
  entryCount: bytes('entry_count').notNull().default(0),
  /** Null: as the deployment says. */
  quotaBytes: bytes('quota_bytes'),
  quotaEntries: bytes('quota_entries'),
  /** How many versions of a file are kept, and for how long one that is not the current; null: all, for ever. */
  keepVersions: integer('keep_versions'),
  keepVersionDays: integer('keep_version_days'),
  /** Null: as the deployment says. */
  trashDays: integer('trash_days'),
  createdAt: at('created_at').notNull().default(sql`now()`),
});

/**
 * Where rights begin: a drive, or a file or folder with grants of its own (then `id` is the file's). Every entry of
 * the tree names the nearest one at or above it, so that who sees what is a question to few rows.
 */
export const scopes = storageSchema.table(
  'scopes',
  {
    id: uuid('id').primaryKey(),
    driveId: uuid('drive_id')
      .notNull()
      .references(() => drives.id),
    /** The scope around this one; null for the drive itself. */
    parentId: uuid('parent_id').references((): AnyPgColumn => scopes.id),
  },
  (table) => [
    index('scopes_drive_id_idx').on(table.driveId),
    index('scopes_parent_id_idx').on(table.parentId),
  ],
);

/** Files and folders: the names. What a file contains is its current version. */
export const files = storageSchema.table(
  'files',
  {
    id: fileId('id').primaryKey(),
    driveId: uuid('drive_id')
      .notNull()
      .references(() => drives.id),
    /** Null at the root of the drive. */
    parentId: fileId('parent_id').references((): AnyPgColumn => files.id),
    /** The folder, or the drive at its root: where siblings are. */
    placeId: uuid('place_id').notNull().generatedAlwaysAs(sql`coalesce(parent_id, drive_id)`),
    scopeId: uuid('scope_id')
      .notNull()
      .references(() => scopes.id),
    kind: text('kind', { enum: ['file', 'folder'] }).notNull(),
    name: text('name').notNull(),
    /** Name in NFC and lower case: two names that look alike are one name. */
    nameKey: text('name_key').notNull(),
    currentVersionId: versionId('current_version_id').references((): AnyPgColumn => versions.id),
    /** Number of the newest version ever written. */
    versionCount: integer('version_count').notNull().default(0),
    /** Of the current version, bytes; 0 for folders. */
    size: bytes('size').notNull().default(0),
    tags: text('tags').array().notNull().default(sql`'{}'::text[]`),
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull().default({}),
    createdBy: userId('created_by').notNull(),
    trashedAt: at('trashed_at'),
    /** The entry that was put into the trash, this one or a folder above it. */
    trashRootId: fileId('trash_root_id'),
    trashedBy: userId('trashed_by'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    /** When content, tags or metadata changed; a new name or place changes nothing. */
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('files_sibling_name_key')
      .on(table.placeId, table.nameKey)
      .where(sql`${table.trashedAt} is null`),
    index('files_place_id_idx').on(table.placeId, table.id),
    index('files_place_updated_idx').on(table.placeId, table.updatedAt, table.id),
    index('files_place_size_idx').on(table.placeId, table.size, table.id),
    index('files_parent_id_idx').on(table.parentId),
    index('files_scope_id_idx').on(table.scopeId),
    index('files_current_version_id_idx').on(table.currentVersionId),
    index('files_trash_idx').on(table.trashRootId).where(sql`${table.trashedAt} is not null`),
    check('files_kind', sql`${table.kind} in ('file', 'folder')`),
    check('files_has_version', sql`(${table.kind} = 'file') = (${table.currentVersionId} is not null)`),
    check('files_trash', sql`(${table.trashedAt} is null) = (${table.trashRootId} is null)`),
  ],
);

/**
 * Bytes in the bucket, under a key that is written once. The row exists only if they do; it goes with the last version
 * or preview that names it, and its going asks for the deletion of the bytes (triggers).
 */
export const objects = storageSchema.table(
  'objects',
  {
    id: objectId('id').primaryKey(),
    key: text('key').notNull(),
    /** Of the plaintext. */
    size: bytes('size').notNull(),
    /** Lower-case hex; null until somebody has read the bytes: parts that went straight to the store. */
    sha256: text('sha256'),
    /** Without quotes; the digest where it was known from the beginning, else the id. It never changes. */
    etag: text('etag').notNull(),
    /** What the client said it would be, where nobody has read the bytes yet. */
    announcedSha256: text('announced_sha256'),
    encryption: text('encryption', { enum: ['none', 'sse-s3', 'sse-kms', 'envelope'] }).notNull(),
    wrappedKey: text('wrapped_key'),
    /** `live` is served; the others are not, and say why. */
    state: text('state', { enum: ['live', 'missing', 'corrupt', 'infected'] })
      .notNull()
      .default('live'),
    stateReason: text('state_reason'),
    /** When the bytes were last read and found to be these. */
    verifiedAt: at('verified_at'),
    scannedAt: at('scanned_at'),
    /** Reading them (hash, malware) is due from then on; null: nothing to do. */
    checkAt: at('check_at'),
    checkAttempts: integer('check_attempts').notNull().default(0),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('objects_key_key').on(table.key),
    index('objects_check_at_idx').on(table.checkAt).where(sql`${table.checkAt} is not null`),
  ],
);

/** One immutable content of a file. Copies and restored versions share the object. */
export const versions = storageSchema.table(
  'versions',
  {
    id: versionId('id').primaryKey(),
    fileId: fileId('file_id')
      .notNull()
      .references(() => files.id),
    driveId: uuid('drive_id').notNull(),
    number: integer('number').notNull(),
    objectId: objectId('object_id')
      .notNull()
      .references(() => objects.id),
    size: bytes('size').notNull(),
    /** As it is served. */
    contentType: text('content_type').notNull(),
    /** What the client said, where the content turned out to be something else. */
    announcedType: text('announced_type'),
    /** A version with a label is kept by every retention. */
    label: text('label'),
    createdBy: userId('created_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('versions_file_id_number_key').on(table.fileId, table.number),
    index('versions_object_id_idx').on(table.objectId),
    index('versions_drive_id_idx').on(table.driveId),
  ],
);

/** Derived images of an object; `previewId` is null while there can be none (then `reason` says why). */
export const previews = storageSchema.table(
  'previews',
  {
    objectId: objectId('object_id')
      .notNull()
      .references(() => objects.id),
    variant: text('variant').notNull(),
    previewId: objectId('preview_id').references(() => objects.id),
    reason: text('reason'),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.objectId, table.variant] }),
    index('previews_preview_id_idx').on(table.previewId),
  ],
);

/** An upload from its beginning to its end, whichever door it takes: place and quota are held for it meanwhile. */
export const uploads = storageSchema.table(
  'uploads',
  {
    id: prefixedId('upl')('id').primaryKey(),
    door: text('door', { enum: ['edge', 'multipart', 'tus'] }).notNull(),
    state: text('state', { enum: ['active', 'completed', 'aborted'] })
      .notNull()
      .default('active'),
    /** Why it was aborted: the code of a refusal. */
    reason: text('reason'),
    userId: userId('user_id').notNull(),
    /** Through a link for uploads; `userId` is then who made it. */
    linkId: prefixedId('lnk')('link_id'),
    driveId: uuid('drive_id').notNull(),
    parentId: fileId('parent_id'),
    /** A new version of this file; null for a new file. */
    targetId: fileId('target_id'),
    /** The version that has to be the current one still. */
    expectedVersionId: versionId('expected_version_id'),
    name: text('name').notNull(),
    conflict: text('conflict', { enum: ['fail', 'rename', 'replace'] })
      .notNull()
      .default('fail'),
    contentType: text('content_type').notNull(),
    /** Null until a TUS client says how long it will be. */
    size: bytes('size'),
    reservedBytes: bytes('reserved_bytes').notNull(),
    announcedSha256: text('announced_sha256'),
    /** Ids that will be given; made at the beginning, so that an end that is told twice is one end. */
    fileId: fileId('file_id').notNull(),
    versionId: versionId('version_id').notNull(),
    objectId: objectId('object_id').notNull(),
    objectKey: text('object_key').notNull(),
    encryption: text('encryption', { enum: ['none', 'sse-s3', 'sse-kms', 'envelope'] }).notNull(),
    wrappedKey: text('wrapped_key'),
    /** The object store's own id of a multipart upload. */
    storeUploadId: text('store_upload_id'),
    partBytes: bytes('part_bytes'),
    /** TUS: bytes kept so far, those in parts and those in the tail. */
    receivedBytes: bytes('received_bytes').notNull().default(0),
    /** TUS: what is kept besides whole parts, under a key of its own. */
    tailKey: text('tail_key'),
    tailBytes: bytes('tail_bytes').notNull().default(0),
    tailWrappedKey: text('tail_wrapped_key'),
    /** TUS: numbers that are not used any more, because a writer that was given up may still bring bytes under them. */
    skippedParts: integer('skipped_parts').array().notNull().default(sql`'{}'::integer[]`),
    /** TUS: the metadata as sent, to be shown again. */
    metadata: text('metadata'),
    /** Whoever writes to it owns it until then. */
    leaseToken: uuid('lease_token'),
    leaseUntil: at('lease_until'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    /** Once it has ended: when its row goes. */
    expiresAt: at('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('uploads_object_key_key').on(table.objectKey),
    index('uploads_user_id_idx').on(table.userId, table.id),
    index('uploads_expires_at_idx').on(table.expiresAt).where(sql`${table.state} = 'active'`),
    index('uploads_ended_idx').on(table.expiresAt).where(sql`${table.state} <> 'active'`),
  ],
);

/** What somebody may do with a file or folder and all below it. `none` takes away what would come from above. */
export const grants = storageSchema.table(
  'grants',
  {
    id: prefixedId('grt')('id').primaryKey(),
    fileId: fileId('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    principalKind: text('principal_kind', { enum: ['user', 'group', 'workspace'] }).notNull(),
    principalId: uuid('principal_id').notNull(),
    role: text('role', { enum: ['none', 'viewer', 'commenter', 'editor', 'manager'] }).notNull(),
    grantedBy: userId('granted_by').notNull(),
    expiresAt: at('expires_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('grants_file_principal_key').on(table.fileId, table.principalId),
    index('grants_principal_id_idx').on(table.principalId),
  ],
);

/** A secret address of a file or folder. It works only while who made it may still share what it leads to. */
export const links = storageSchema.table(
  'links',
  {
    id: prefixedId('lnk')('id').primaryKey(),
    fileId: fileId('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    /** SHA-256 of the secret. */
    tokenHash: text('token_hash').notNull(),
    mode: text('mode', { enum: ['view', 'download', 'upload'] }).notNull(),
    name: text('name'),
    passwordHash: text('password_hash'),
    maxDownloads: integer('max_downloads'),
    downloads: integer('downloads').notNull().default(0),
    uses: bytes('uses').notNull().default(0),
    lastUsedAt: at('last_used_at'),
    createdBy: userId('created_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at'),
    revokedAt: at('revoked_at'),
  },
  (table) => [
    uniqueIndex('links_token_hash_key').on(table.tokenHash),
    index('links_file_id_idx').on(table.fileId),
    index('links_created_by_idx').on(table.createdBy, table.id),
  ],
);

export const favourites = storageSchema.table(
  'favourites',
  {
    userId: userId('user_id').notNull(),
    fileId: fileId('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.fileId] }),
    index('favourites_file_id_idx').on(table.fileId),
  ],
);

export const comments = storageSchema.table(
  'comments',
  {
    id: prefixedId('cmt')('id').primaryKey(),
    fileId: fileId('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    authorId: userId('author_id').notNull(),
    text: text('text').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [index('comments_file_id_idx').on(table.fileId, table.id)],
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
    driveId: uuid('drive_id'),
    scopeId: uuid('scope_id'),
    fileId: fileId('file_id').notNull(),
    versionId: versionId('version_id'),
    actorId: userId('actor_id'),
    /** Who is told besides those who have a right in the scope: whoever has just lost it. */
    audience: uuid('audience').array(),
    payload: jsonb('payload').notNull().default({}),
    /** Of the request that caused it (W3C Trace Context): what is done about it later belongs to the same trace. */
    traceparent: text('traceparent'),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [index('outbox_order_idx').on(table.transactionId, table.id)],
);

/** Whom an entry of the outbox concerns: one row for each principal; written by a trigger, read as the change feed. */
export const changes = storageSchema.table(
  'changes',
  {
    principalId: uuid('principal_id').notNull(),
    transactionId: xid8('transaction_id').notNull(),
    eventId: bigint('event_id', { mode: 'number' })
      .notNull()
      .references(() => outbox.id, { onDelete: 'cascade' }),
  },
  (table) => [
    primaryKey({ columns: [table.principalId, table.transactionId, table.eventId] }),
    index('changes_event_id_idx').on(table.eventId),
  ],
);

/** How far a reader of the outbox has come: webhooks, the journal in the bucket. */
export const cursors = storageSchema.table('cursors', {
  name: text('name').primaryKey(),
  transactionId: xid8('transaction_id').notNull(),
  eventId: bigint('event_id', { mode: 'number' }).notNull(),
  leaseToken: uuid('lease_token'),
  leaseUntil: at('lease_until'),
});

export const webhooks = storageSchema.table(
  'webhooks',
  {
    id: prefixedId('whk')('id').primaryKey(),
    driveId: uuid('drive_id').notNull(),
    url: text('url').notNull(),
    /** Sealed: it has to be read again to sign. */
    sealedSecret: text('sealed_secret').notNull(),
    /** Types of events; empty for all. */
    events: text('events').array().notNull().default(sql`'{}'::text[]`),
    active: boolean('active').notNull().default(true),
    /** Why it was switched off. */
    reason: text('reason'),
    failures: integer('failures').notNull().default(0),
    createdBy: userId('created_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [index('webhooks_drive_id_idx').on(table.driveId)],
);

export const webhookDeliveries = storageSchema.table(
  'webhook_deliveries',
  {
    id: prefixedId('whd')('id').primaryKey(),
    webhookId: prefixedId('whk')('webhook_id')
      .notNull()
      .references(() => webhooks.id, { onDelete: 'cascade' }),
    /** `transaction:id` of the event: one delivery each. */
    eventKey: text('event_key').notNull(),
    type: text('type').notNull(),
    payload: jsonb('payload').notNull(),
    state: text('state', { enum: ['pending', 'delivered', 'failed'] })
      .notNull()
      .default('pending'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: at('next_attempt_at').notNull().default(sql`now()`),
    leaseToken: uuid('lease_token'),
    leaseUntil: at('lease_until'),
    responseStatus: integer('response_status'),
    error: text('error'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    deliveredAt: at('delivered_at'),
  },
  (table) => [
    uniqueIndex('webhook_deliveries_event_key').on(table.webhookId, table.eventKey),
    index('webhook_deliveries_due_idx').on(table.nextAttemptAt).where(sql`${table.state} = 'pending'`),
  ],
);

/** Calls that create something, by the key that their client gave them. */
export const idempotencyKeys = storageSchema.table(
  'idempotency_keys',
  {
    userId: userId('user_id').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of method, path, query and body. */
    fingerprint: text('fingerprint').notNull(),
    /** The id that the call gives to what it makes: an effect that is tried twice is one effect. */
    resourceId: uuid('resource_id').notNull(),
    /** Of the answer; null while the call runs. */
    status: integer('status'),
    body: text('body'),
    location: text('location'),
    leaseUntil: at('lease_until'),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.key] }),
    index('idempotency_keys_created_at_idx').on(table.createdAt),
  ],
);

/** Keys in the bucket that have to go; written by the trigger that sees their row go. */
export const objectDeletions = storageSchema.table(
  'object_deletions',
  {
    objectKey: text('object_key').primaryKey(),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: at('next_attempt_at').notNull().default(sql`now()`),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [index('object_deletions_due_idx').on(table.nextAttemptAt)],
);

/** Keys in the bucket that nobody names: seen twice, a while apart, before they go. */
export const orphans = storageSchema.table('orphans', {
  objectKey: text('object_key').primaryKey(),
  size: bytes('size').notNull(),
  firstSeenAt: at('first_seen_at').notNull().default(sql`now()`),
});
