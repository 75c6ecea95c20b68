import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema, versionIdSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { queryWordsSchema, searchFiltersSchema } from './search.ts';

export const batchIdSchema = z.string().regex(idPattern('bat'), 'must be a batch id, bat_…');
export const batchParamsSchema = z.object({ id: batchIdSchema });

/** Files that one batch may have. */
export const BATCH_FILES = 100_000;

/** `analyse`: what is not analysed yet, failures too. `re-analyse`: everything anew. The others: their part of it. */
export const batchOperationSchema = z.enum(['analyse', 're-analyse', 'classify', 're-embed', 'extract']);
export type BatchOperation = z.infer<typeof batchOperationSchema>;

export const batchSelectionSchema = z.union([
  z.strictObject({ fileIds: z.array(fileIdSchema).min(1).max(1_000) }),
  /** With everything below it. */
  z.strictObject({ folderId: fileIdSchema }),
  /** The files that match, as a search by keyword finds them; without words, all that the filters leave. */
  z.strictObject({
    query: z.strictObject({
      q: queryWordsSchema.default(''),
      filters: searchFiltersSchema.optional(),
    }),
  }),
]);
export type BatchSelection = z.infer<typeof batchSelectionSchema>;

export const batchRequestSchema = z
  .strictObject({ operation: batchOperationSchema, selection: batchSelectionSchema })
  .openapi('BatchRequest');
export type BatchRequest = z.infer<typeof batchRequestSchema>;

export const batchItemStateSchema = z.enum(['waiting', 'released', 'done', 'skipped', 'failed', 'cancelled']);

export const batchSchema = z
  .object({
    id: batchIdSchema,
    operation: batchOperationSchema,
    selection: batchSelectionSchema,
    state: z.enum(['running', 'paused', 'cancelled', 'done']),
    total: z.int(),
    /** `released` is being worked on, or waits for its turn with the workers. */
    counts: z.record(batchItemStateSchema, z.int()),
    /** From how fast the last ones went; null while there is nothing to go by. */
    estimatedSecondsLeft: z.number().nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    finishedAt: timestampSchema.nullable(),
  })
  .openapi('Batch');
export type Batch = z.infer<typeof batchSchema>;

export const batchListQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** From `nextCursor`. */
  cursor: batchIdSchema.optional(),
});
export const batchPageSchema = z.object({ items: z.array(batchSchema), nextCursor: z.string().nullable() });

export const batchItemSchema = z
  .object({
    fileId: fileIdSchema,
    versionId: versionIdSchema,
    state: batchItemStateSchema,
    /** Why it was skipped or failed, or what it waits for. */
    reason: z.string().nullable(),
    updatedAt: timestampSchema,
  })
  .openapi('BatchItem');
export type BatchItem = z.infer<typeof batchItemSchema>;

export const batchItemQuerySchema = z.object({
  state: batchItemStateSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: versionIdSchema.optional(),
});
export const batchItemPageSchema = z.object({
  items: z.array(batchItemSchema),
  nextCursor: z.string().nullable(),
});
