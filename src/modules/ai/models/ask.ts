import { z } from '@hono/zod-openapi';
import { fileIdSchema, versionIdSchema } from '../../../contracts/storage.ts';
import { coverageSchema, queryTextSchema, searchFiltersSchema } from './search.ts';

/** A question and where to look for its answer; the filters are those of a search. */
export const askRequestSchema = z
  .strictObject({
    question: queryTextSchema,
    filters: searchFiltersSchema.optional(),
    /** Passages that the answer may rest on. */
    passages: z.int().min(1).max(20).default(8),
  })
  .openapi('Question');
export type AskRequest = z.infer<typeof askRequestSchema>;

/** A passage of a version: what `GET /v1/files/{id}/text` shows for the same range, for as long as the version is there. */
export const citationSchema = z
  .object({
    /** As the answer names it, `[1]`. */
    number: z.int().positive(),
    fileId: fileIdSchema,
    fileName: z.string(),
    versionId: versionIdSchema,
    versionNumber: z.int().positive(),
    sha256: z.string().nullable(),
    /** UTF-16 code units of the version's text, `start` inclusive, `end` exclusive. */
    start: z.int().nonnegative(),
    end: z.int().nonnegative(),
    page: z.int().nullable(),
    text: z.string(),
  })
  .openapi('Citation');
export type Citation = z.infer<typeof citationSchema>;

export const NOT_FOUND_ANSWER = 'Not found in your files.';

export const answerSchema = z
  .object({
    status: z.enum(['answered', 'not_found']),
    /** `generated`: written by a chat model. `extracted`: sentences of the files as they stand. */
    method: z.enum(['generated', 'extracted']),
    answer: z.string(),
    /** Those that the answer rests on, in the order of their numbers. */
    citations: z.array(citationSchema),
    /** True when the answer is less than what is configured could give: no query vector, or no chat model answered. */
    degraded: z.boolean(),
    coverage: coverageSchema,
    /** Who made what. */
    providers: z.object({ embedding: z.string().nullable(), answer: z.string().nullable() }),
  })
  .openapi('Answer');
export type Answer = z.infer<typeof answerSchema>;

/** What a stream consists of: `text` pieces, of which `reset` takes back those so far, and the whole answer at the end. */
export type AnswerEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reset' }
  | { readonly type: 'answer'; readonly answer: Answer };
