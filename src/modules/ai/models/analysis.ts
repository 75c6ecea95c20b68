import { z } from '@hono/zod-openapi';
import { documentMetadataSchema } from '../../../contracts/sidecar.ts';
import { analysisStatusSchema, fileIdSchema } from '../../../contracts/storage.ts';

export const fileParamsSchema = z.object({ id: fileIdSchema });

/** Null where nothing has produced a value: there is no made-up one. */
export const analysisSchema = z
  .object({
    status: analysisStatusSchema,
    /** Why it waits, was skipped or failed. */
    reason: z.string().optional(),
    /** ISO 639-1. */
    language: z.string().nullable(),
    summary: z.string().nullable(),
    keywords: z.array(z.string()).nullable(),
    categories: z.array(z.object({ label: z.string(), score: z.number() })).nullable(),
    entities: z.array(z.object({ text: z.string(), type: z.string() })).nullable(),
    metadata: documentMetadataSchema,
    /** Present when a stated limit cut something off. */
    truncated: z.string().optional(),
    /** Which model made what. */
    models: z.object({ embedding: z.string().nullable() }),
  })
  .openapi('Analysis');
export type Analysis = z.infer<typeof analysisSchema>;
