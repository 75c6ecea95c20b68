import { z } from '@hono/zod-openapi';
import {
  documentMetadataSchema,
  entitiesOutputSchema,
  sentimentOutputSchema,
  summaryOutputSchema,
} from '../../../contracts/sidecar.ts';
import {
  analysisStatusSchema,
  fileIdSchema,
  timestampSchema,
  versionIdSchema,
} from '../../../contracts/storage.ts';

export const fileParamsSchema = z.object({ id: fileIdSchema });

/** Of an older version; without it the current one. */
export const versionQuerySchema = z.object({ versionId: versionIdSchema.optional() });

/** What is done with a version, in this order: it is read, its vectors are made, the analysis steps run. */
export const STAGES = ['text', 'vectors', 'steps'] as const;
const stageSchema = z.enum(STAGES);

/** Nothing said: all of it. */
export const askAgainSchema = z.strictObject({ stages: z.array(stageSchema).min(1).max(3).optional() });

/** UTF-16 code units of text in one answer. */
export const MAX_TEXT_UNITS = 100_000;
const offsetSchema = z.coerce.number().int().nonnegative().max(2_000_000_000);

export const textQuerySchema = versionQuerySchema
  .extend({ start: offsetSchema.default(0), end: offsetSchema.optional() })
  .refine(({ start, end }) => end === undefined || (end > start && end - start <= MAX_TEXT_UNITS), {
    path: ['end'],
    message: `must be after start, by at most ${MAX_TEXT_UNITS}`,
  });

const versionSchema = z.object({
  id: versionIdSchema,
  number: z.int().positive(),
  /** Lower-case hex; null for a short while after an upload in parts. */
  sha256: z.string().nullable(),
});

/** Where the work on a version stands. */
export const workSchema = z.object({
  /** What is still to be done, in order; empty when nothing is. */
  stages: z.array(stageSchema),
  priority: z.enum(['interactive', 'batch']),
  /** Of the stage that it is at. */
  attempts: z.int().nonnegative(),
  /** Since when it stands like this. */
  since: timestampSchema,
  /** Null when nothing is to be done. In the past: it is next in turn. */
  nextAttemptAt: timestampSchema.nullable(),
  /** Somebody is at it, and loses it to another when nothing is heard of them until then. */
  leasedUntil: timestampSchema.nullable(),
  /** It was given up for reasons of ours; asking again begins anew. */
  givenUp: z.boolean(),
  explanation: z.string(),
});
export type Work = z.infer<typeof workSchema>;

const stepSchema = z.object({
  version: z.string(),
  status: z.enum(['done', 'skipped', 'failed']),
  reason: z.string().optional(),
  /** Of steps whose results stand nowhere else here. */
  output: z.record(z.string(), z.unknown()).optional(),
  model: z.string().optional(),
  provider: z.string().optional(),
});
export const stepsSchema = z.record(z.string(), stepSchema);
export type StepResults = z.infer<typeof stepsSchema>;

const fieldSchema = z.object({
  name: z.string(),
  value: z.string(),
  /** The same as a number, where it is one. */
  number: z.number().nullable(),
  confidence: z.number(),
  start: z.int(),
  end: z.int(),
});

/** Null where nothing has produced a value: there is no made-up one. Offsets are in UTF-16 code units of the text. */
export const analysisSchema = z
  .object({
    version: versionSchema,
    status: analysisStatusSchema,
    /** Why it waits, was skipped or failed. */
    reason: z.string().optional(),
    work: workSchema,
    contentType: z.string().nullable(),
    /** ISO 639-1. */
    language: z.string().nullable(),
    summary: summaryOutputSchema.extend({ text: z.string() }).omit({ summary: true }).nullable(),
    /** The most telling first. */
    keywords: z.array(z.string()).nullable(),
    /** What people have said stands above what was found: it comes with a score of 1. */
    categories: z
      .array(
        z.object({
          label: z.string(),
          name: z.string(),
          score: z.number(),
          source: z.enum(['model', 'user']),
        }),
      )
      .nullable(),
    entities: entitiesOutputSchema.shape.entities.nullable(),
    sentiment: sentimentOutputSchema.nullable(),
    readingSeconds: z.int().nullable(),
    fields: z.array(fieldSchema).nullable(),
    metadata: documentMetadataSchema,
    /** Present when a stated limit cut something off. */
    truncated: z.string().optional(),
    /** Of each analysis step. */
    results: stepsSchema,
    /** Which model made what. */
    models: z.object({
      embedding: z.object({ model: z.string(), provider: z.string().nullable() }).nullable(),
    }),
  })
  .openapi('Analysis');
export type Analysis = z.infer<typeof analysisSchema>;

export const textSchema = z
  .object({
    version: versionSchema,
    start: z.int().nonnegative(),
    end: z.int().nonnegative(),
    /** Of the whole text. */
    length: z.int().nonnegative(),
    /** That `start` is on, where the format has pages. */
    page: z.int().positive().nullable(),
    text: z.string(),
  })
  .openapi('ExtractedText');
export type ExtractedText = z.infer<typeof textSchema>;

export const analysesQuerySchema = z.object({
  status: analysisStatusSchema.optional(),
  givenUp: z.enum(['true', 'false']).optional(),
  cursor: versionIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type AnalysesQuery = z.infer<typeof analysesQuerySchema>;

export const analysisListSchema = z
  .object({
    items: z.array(
      z.object({
        fileId: fileIdSchema,
        name: z.string(),
        versionId: versionIdSchema,
        status: analysisStatusSchema,
        reason: z.string().optional(),
        work: workSchema,
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('AnalysisList');
export type AnalysisList = z.infer<typeof analysisListSchema>;
