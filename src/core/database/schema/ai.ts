import { sql } from 'drizzle-orm';
import {
  bigint,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
  vector,
} from 'drizzle-orm/pg-core';
import { prefixedId, tsvector, xid8 } from '../columns.ts';

export const aiSchema = pgSchema('ai');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** The state of the analysis of one version, and its results: at once job and answer. */
export const analyses = aiSchema.table(
  'analyses',
  {
    versionId: prefixedId('ver')('version_id').primaryKey(),
    fileId: prefixedId('file')('file_id').notNull(),
    status: text('status', { enum: ['pending', 'processing', 'ready', 'skipped', 'failed'] })
      .notNull()
      .default('pending'),
    /** Why it is waiting, was skipped or failed, for a person to read. */
    reason: text('reason'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: at('next_attempt_at').notNull().default(sql`now()`),
    /** A worker owns the row until then; its token fences out a worker that comes back too late. */
    leaseUntil: at('lease_until'),
    leaseToken: uuid('lease_token'),
    contentType: text('content_type'),
    language: text('language'),
    metadata: jsonb('metadata').notNull().default({}),
    /** Model of the vectors; null until all are there. */
    embeddingModel: text('embedding_model'),
    /** Of a version whose text is complete in the keyword index, ready or still waiting for vectors; else 0. */
    chunkCount: integer('chunk_count').notNull().default(0),
    /** Indexed words of all chunks; with `chunkCount`, what BM25 needs to know of a scope's size. */
    wordCount: integer('word_count').notNull().default(0),
    truncated: text('truncated'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    index('analyses_due_idx')
      .on(table.nextAttemptAt)
      .where(sql`${table.status} in ('pending', 'processing')`),
    index('analyses_file_id_idx').on(table.fileId),
  ],
);

/** A passage of a version; offsets in UTF-16 code units of the extracted text. */
export const chunks = aiSchema.table(
  'chunks',
  {
    versionId: prefixedId('ver')('version_id')
      .notNull()
      .references(() => analyses.versionId, { onDelete: 'cascade' }),
    index: integer('index').notNull(),
    start: integer('start_offset').notNull(),
    end: integer('end_offset').notNull(),
    page: integer('page'),
    text: text('text').notNull(),
    lexemes: tsvector('lexemes').notNull(),
    /** Number of indexed words, for BM25's length normalisation. */
    length: integer('length').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.versionId, table.index] }),
    index('chunks_lexemes_idx').using('gin', table.lexemes),
  ],
);

/** Vectors apart from their chunks: another model is another set of rows. They go when the chunk goes. */
export const embeddings = aiSchema.table(
  'embeddings',
  {
    model: text('model').notNull(),
    versionId: prefixedId('ver')('version_id').notNull(),
    index: integer('index').notNull(),
    embedding: vector('embedding', { dimensions: 384 }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.versionId, table.index, table.model] }),
    foreignKey({
      columns: [table.versionId, table.index],
      foreignColumns: [chunks.versionId, chunks.index],
    }).onDelete('cascade'),
    index('embeddings_hnsw_idx').using('hnsw', table.embedding.op('vector_cosine_ops')),
  ],
);

/** How far a reader of another module's outbox has come. */
export const cursors = aiSchema.table('cursors', {
  name: text('name').primaryKey(),
  transactionId: xid8('transaction_id').notNull(),
  eventId: bigint('event_id', { mode: 'number' }).notNull(),
});
