import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { anyVector, prefixedId, tsvector, xid8 } from '../columns.ts';

export const aiSchema = pgSchema('ai');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** A person's or workspace's drive, as storage has it; `DEPLOYMENT` stands for all that have said nothing of their own. */
const driveId = () => uuid('drive_id').notNull();
const by = () => prefixedId('usr')('created_by').notNull();

/** What can be asked to be done with a version, in this order: read it, make its vectors, run the analysis steps. */
export const STAGES = ['text', 'vectors', 'steps'] as const;

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
    /** What is still to be done; empty when nothing is. A version that is `ready` stays so while it is done again. */
    todo: text('todo', { enum: STAGES }).array().notNull().default(sql`'{text,vectors,steps}'::text[]`),
    /** Grows with everything that is asked for: what was asked for while a worker was at it is not taken for done. */
    run: integer('run').notNull().default(1),
    /** 0: somebody waits for it. 1: a batch or a change of model. */
    priority: smallint('priority').notNull().default(0),
    /** A dead letter: given up for reasons of our own, until somebody asks again. */
    givenUpAt: at('given_up_at'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: at('next_attempt_at').notNull().default(sql`now()`),
    /** A worker owns the row until then; its token fences out a worker that comes back too late. */
    leaseUntil: at('lease_until'),
    leaseToken: uuid('lease_token'),
    contentType: text('content_type'),
    language: text('language'),
    metadata: jsonb('metadata').notNull().default({}),
    /** Of the analysis steps, by name: `{version, status, reason?, output?, model?, provider?}`. */
    results: jsonb('results').notNull().default({}),
    /** 64-bit simhash of the words, for near-duplicates; null before that step and where there are too few words. */
    simhash: bigint('simhash', { mode: 'bigint' }),
    /** Which provider made the vectors. */
    embeddingProvider: text('embedding_provider'),
    /** Model of the vectors; null until all are there. */
    embeddingModel: text('embedding_model'),
    /** Of a version whose text is complete in the keyword index, ready or still waiting for vectors; else 0. */
    chunkCount: integer('chunk_count').notNull().default(0),
    /** Indexed words of all chunks; with `chunkCount`, what BM25 needs to know of a scope's size. */
    wordCount: integer('word_count').notNull().default(0),
    truncated: text('truncated'),
    /** Of the request that made the version (W3C Trace Context). */
    traceparent: text('traceparent'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    index('analyses_due_idx').on(table.priority, table.nextAttemptAt).where(sql`${table.todo} <> '{}'`),
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

/**
 * Vectors apart from their chunks: another model is another set of rows, with an index of its own over the rows of
 * `ai.embedding_models`. They go when the chunk goes.
 */
export const embeddings = aiSchema.table(
  'embeddings',
  {
    model: text('model').notNull(),
    versionId: prefixedId('ver')('version_id').notNull(),
    index: integer('index').notNull(),
    embedding: anyVector('embedding').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.versionId, table.index, table.model] }),
    foreignKey({
      columns: [table.versionId, table.index],
      foreignColumns: [chunks.versionId, chunks.index],
    }).onDelete('cascade'),
  ],
);

/** Mean of a version's vectors, of length 1: what the whole document is about. */
export const documentVectors = aiSchema.table(
  'document_vectors',
  {
    model: text('model').notNull(),
    versionId: prefixedId('ver')('version_id')
      .notNull()
      .references(() => analyses.versionId, { onDelete: 'cascade' }),
    embedding: anyVector('embedding').notNull(),
  },
  (table) => [primaryKey({ columns: [table.versionId, table.model] })],
);

/** Vector spaces that exist, each with an HNSW index over its own rows (`ai.add_embedding_model`). */
export const embeddingModels = aiSchema.table('embedding_models', {
  model: text('model').primaryKey(),
  dimensions: integer('dimensions').notNull(),
  createdAt: at('created_at').notNull().default(sql`now()`),
});

/** Which model does a task, for a drive or for the deployment. Of embedding models, the next one is being made ready. */
export const modelChoices = aiSchema.table(
  'model_choices',
  {
    driveId: driveId(),
    task: text('task').notNull(),
    model: text('model').notNull(),
    /** Vectors of this one are being made; when all are there, it becomes `model`. */
    nextModel: text('next_model'),
    changedBy: prefixedId('usr')('changed_by'),
    changedAt: at('changed_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.driveId, table.task] })],
);

/** What a drive sorts its files into. */
export const labels = aiSchema.table(
  'labels',
  {
    id: prefixedId('lbl')('id').primaryKey(),
    driveId: driveId(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    createdBy: by(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [uniqueIndex('labels_name_key').on(table.driveId, sql`lower(${table.name})`)],
);

/**
 * Files of which a person has said that a label is right or wrong: examples of a label, and corrections, which are
 * the same thing said later. `label` is a label's id, or a name of the default taxonomy.
 */
export const labelExamples = aiSchema.table(
  'label_examples',
  {
    driveId: driveId(),
    label: text('label').notNull(),
    fileId: prefixedId('file')('file_id').notNull(),
    positive: boolean('positive').notNull(),
    createdBy: by(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.driveId, table.label, table.fileId] }),
    index('label_examples_file_id_idx').on(table.fileId),
  ],
);

/** What the classification step has found; what a person has said (`label_examples`) stands above it. */
export const categories = aiSchema.table(
  'categories',
  {
    versionId: prefixedId('ver')('version_id')
      .notNull()
      .references(() => analyses.versionId, { onDelete: 'cascade' }),
    label: text('label').notNull(),
    /** 0 to 1, calibrated. */
    score: real('score').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.versionId, table.label] }),
    index('categories_label_idx').on(table.label),
  ],
);

/** What is done with a file that gets a label; with the rights that `created_by` has at that moment. */
export const rules = aiSchema.table(
  'rules',
  {
    id: prefixedId('rul')('id').primaryKey(),
    driveId: driveId(),
    label: text('label').notNull(),
    minScore: real('min_score').notNull(),
    /** `{kind: 'tag', tag}` or `{kind: 'move', folderId}`. */
    action: jsonb('action').notNull(),
    enabled: boolean('enabled').notNull().default(true),
    createdBy: by(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [index('rules_drive_id_idx').on(table.driveId)],
);

/** A rule acts once on a version. */
export const ruleRuns = aiSchema.table(
  'rule_runs',
  {
    ruleId: prefixedId('rul')('rule_id')
      .notNull()
      .references(() => rules.id, { onDelete: 'cascade' }),
    versionId: prefixedId('ver')('version_id')
      .notNull()
      .references(() => analyses.versionId, { onDelete: 'cascade' }),
    state: text('state', { enum: ['pending', 'done', 'refused'] })
      .notNull()
      .default('pending'),
    /** Why it was refused. */
    reason: text('reason'),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.ruleId, table.versionId] })],
);

/** Fields that a drive wants to be found in its documents. */
export const fields = aiSchema.table(
  'fields',
  {
    driveId: driveId(),
    name: text('name').notNull(),
    type: text('type', { enum: ['text', 'number', 'date', 'amount', 'email', 'url', 'choice'] }).notNull(),
    description: text('description').notNull(),
    choices: text('choices').array(),
    createdBy: by(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.driveId, table.name] })],
);

export const fieldValues = aiSchema.table(
  'field_values',
  {
    versionId: prefixedId('ver')('version_id')
      .notNull()
      .references(() => analyses.versionId, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    value: text('value').notNull(),
    /** The same as a number, where it is one. */
    number: doublePrecision('number'),
    confidence: real('confidence').notNull(),
    start: integer('start_offset').notNull(),
    end: integer('end_offset').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.versionId, table.name] }),
    index('field_values_name_value_idx').on(table.name, table.value),
  ],
);

/** Where a drive differs from what plugins do by default. */
export const pluginSettings = aiSchema.table(
  'plugin_settings',
  {
    driveId: driveId(),
    plugin: text('plugin').notNull(),
    enabled: boolean('enabled').notNull(),
    changedBy: prefixedId('usr')('changed_by').notNull(),
    changedAt: at('changed_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.driveId, table.plugin] })],
);

/** Work on many files that somebody, or a change of model (`created_by` null), has asked for. */
export const batches = aiSchema.table(
  'batches',
  {
    id: prefixedId('bat')('id').primaryKey(),
    createdBy: prefixedId('usr')('created_by'),
    operation: text('operation', {
      enum: ['analyse', 're-analyse', 'classify', 're-embed', 'extract'],
    }).notNull(),
    /** As it was asked for. */
    selection: jsonb('selection').notNull(),
    state: text('state', { enum: ['running', 'paused', 'cancelled', 'done'] })
      .notNull()
      .default('running'),
    total: integer('total').notNull().default(0),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
    finishedAt: at('finished_at'),
  },
  (table) => [
    index('batches_created_by_idx').on(table.createdBy, table.id),
    index('batches_running_idx').on(table.id).where(sql`${table.state} = 'running'`),
  ],
);

/**
 * A version in a batch. A few at a time are released: their work is asked for on the analysis, which is the one place
 * where work is leased, tried again and given up. An item is through when the analysis has done with `run`.
 */
export const batchItems = aiSchema.table(
  'batch_items',
  {
    batchId: prefixedId('bat')('batch_id')
      .notNull()
      .references(() => batches.id, { onDelete: 'cascade' }),
    versionId: prefixedId('ver')('version_id').notNull(),
    fileId: prefixedId('file')('file_id').notNull(),
    state: text('state', { enum: ['waiting', 'released', 'done', 'skipped', 'failed', 'cancelled'] })
      .notNull()
      .default('waiting'),
    run: integer('run'),
    reason: text('reason'),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.batchId, table.versionId] }),
    index('batch_items_state_idx').on(table.batchId, table.state, table.versionId),
    index('batch_items_released_idx').on(table.versionId).where(sql`${table.state} = 'released'`),
    check(
      'batch_items_run',
      sql`(${table.state} in ('waiting', 'cancelled')) or ${table.run} is not null or ${table.reason} is not null`,
    ),
  ],
);

/** How far a reader of another module's outbox has come. */
export const cursors = aiSchema.table('cursors', {
  name: text('name').primaryKey(),
  transactionId: xid8('transaction_id').notNull(),
  eventId: bigint('event_id', { mode: 'number' }).notNull(),
});
