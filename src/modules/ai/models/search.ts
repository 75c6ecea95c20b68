import { z } from '@hono/zod-openapi';
import { fileSchema } from '../../../contracts/storage.ts';

export const searchModeSchema = z.enum(['hybrid', 'keyword', 'semantic']);
export type SearchMode = z.infer<typeof searchModeSchema>;

/** How deep a search looks; pages end there. */
export const SEARCH_DEPTH = 100;

export const searchQuerySchema = z.object({
  q: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(1_000, 'must have at most 1000 characters')
    // PostgreSQL's text has no NUL.
    .refine((query) => !query.includes('\0'), 'must not contain NUL'),
  mode: searchModeSchema.default('hybrid'),
  limit: z.coerce.number().int().min(1).max(50).default(10),
  /** From `nextCursor`. */
  cursor: z.coerce.number().int().min(1).max(SEARCH_DEPTH).optional(),
});
export type SearchQuery = z.infer<typeof searchQuerySchema>;

export const searchHitSchema = z
  .object({
    file: fileSchema,
    /** Comparable within one answer only; higher is better. */
    score: z.number(),
    /** From the passage that matched best. */
    snippet: z.string(),
    /** Matched words in `snippet`, in UTF-16 code units, `start` inclusive, `end` exclusive. */
    highlights: z.array(z.object({ start: z.int(), end: z.int() })),
    match: z.enum(['keyword', 'semantic', 'both']),
    /** Where the passage stands in the version's text. */
    passage: z.object({ start: z.int(), end: z.int(), page: z.int().nullable() }),
  })
  .openapi('SearchHit');
export type SearchHit = z.infer<typeof searchHitSchema>;

export const searchResultSchema = z
  .object({
    items: z.array(searchHitSchema),
    /** The mode that answered: `keyword` when no vector of the query could be had. */
    mode: searchModeSchema,
    /** True when the answer is less than what was asked for. */
    degraded: z.boolean(),
    /** Files within reach of the caller, by what search knows of their content. */
    coverage: z.object({ indexed: z.int(), pending: z.int(), failed: z.int(), skipped: z.int() }),
    nextCursor: z.string().nullable(),
  })
  .openapi('SearchResult');
export type SearchResult = z.infer<typeof searchResultSchema>;
export type Coverage = SearchResult['coverage'];
