import { z } from '@hono/zod-openapi';
import { fileIdSchema, fileSchema, versionIdSchema } from '../../../contracts/storage.ts';
import { checkOpenParameters, filterParameters, filtersOf, type SearchFilters } from './search-filters.ts';

export { type SearchFilters, searchFiltersSchema } from './search-filters.ts';

export const searchModeSchema = z.enum(['hybrid', 'keyword', 'semantic']);
export type SearchMode = z.infer<typeof searchModeSchema>;

/** How deep a search looks; pages end there. */
export const SEARCH_DEPTH = 100;

export const facetNameSchema = z.enum(['type', 'tag', 'category', 'language', 'owner']);
export type FacetName = z.infer<typeof facetNameSchema>;

const commaList = <Item extends z.ZodType<string, string>>(item: Item, most: number) =>
  z
    .string()
    .max(2_000)
    .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))])
    .pipe(z.array(item).min(1).max(most));

/** Text of a query that PostgreSQL can hold, and JSON of it; may be empty. */
export const queryWordsSchema = z
  .string()
  .trim()
  .max(1_000, 'must have at most 1000 characters')
  .refine((query) => query.isWellFormed() && !query.includes('\0'), 'must be well-formed text without NUL');
export const queryTextSchema = queryWordsSchema.min(1, 'must not be empty');

const searchParameters = {
  /** Words, `"phrases"`, `prefix*`, `-word`, `-"phrase"`. */
  q: queryTextSchema,
  mode: searchModeSchema.default('hybrid'),
  limit: z.coerce.number().int().min(1).max(50).default(10),
  /** From `nextCursor`; good for the same query and filters. */
  cursor: z.string().min(1).max(4_000).optional(),
  /** Comma list of type, tag, category, language, owner: counts over all files that match. */
  facets: commaList(facetNameSchema, 5).optional(),
  /** Asks a ranking model for the order of the best 50; `reranked` says whether there was one. */
  rerank: z.stringbool().default(false),
  /** Comma list of up to 20 `version.id` of the caller's own writes: the answer says whether it has them. */
  freshness: commaList(versionIdSchema, 20).optional(),
  ...filterParameters,
};

const explainParameters = {
  q: queryTextSchema,
  mode: searchModeSchema.default('hybrid'),
  fileId: fileIdSchema,
  ...filterParameters,
};

export const searchQuerySchema = z
  .object(searchParameters)
  .catchall(z.unknown())
  .superRefine((query, context) =>
    checkOpenParameters(query, searchParameters, (field, message) =>
      context.addIssue({ code: 'custom', path: [field], message }),
    ),
  );

export const explainQuerySchema = z
  .object(explainParameters)
  .catchall(z.unknown())
  .superRefine((query, context) =>
    checkOpenParameters(query, explainParameters, (field, message) =>
      context.addIssue({ code: 'custom', path: [field], message }),
    ),
  );

export interface SearchRequest {
  readonly q: string;
  readonly mode: SearchMode;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filters?: SearchFilters;
  readonly facets?: readonly FacetName[] | undefined;
  readonly rerank?: boolean;
  readonly freshness?: readonly string[] | undefined;
}

export function searchRequestOf(query: z.infer<typeof searchQuerySchema>): SearchRequest {
  const { q, mode, limit, cursor, facets, rerank, freshness } = query;
  return { q, mode, limit, cursor, facets, rerank, freshness, filters: filtersOf(query) };
}

export interface ExplainRequest {
  readonly q: string;
  readonly mode: SearchMode;
  readonly fileId: string;
  readonly filters: SearchFilters;
}

export function explainRequestOf(query: z.infer<typeof explainQuerySchema>): ExplainRequest {
  const { q, mode, fileId } = query;
  return { q, mode, fileId, filters: filtersOf(query) };
}

/** UTF-16 code units, `start` inclusive, `end` exclusive. */
const span = { start: z.int().nonnegative(), end: z.int().nonnegative() };

export const searchHitSchema = z
  .object({
    file: fileSchema,
    /** Comparable within one answer only; higher is better. */
    score: z.number(),
    /** From the passage that matched best; empty where nothing of the content is indexed. */
    snippet: z.string(),
    /** Matched words: in `snippet`, and (`textStart`, `textEnd`) in the version's text. */
    highlights: z.array(z.object({ ...span, textStart: z.int(), textEnd: z.int() })),
    /** `name`: by words of the file's name alone. */
    match: z.enum(['keyword', 'semantic', 'both', 'name']),
    /** Where the passage stands in the version's text; null where nothing of the content is indexed. */
    passage: z.object({ ...span, page: z.int().nullable() }).nullable(),
    /** What exactly was found: this content, whatever the file becomes. */
    citation: z.object({
      versionId: versionIdSchema,
      number: z.int().positive(),
      sha256: z.string().nullable(),
      start: z.int().nullable(),
      end: z.int().nullable(),
      page: z.int().nullable(),
    }),
  })
  .openapi('SearchHit');
export type SearchHit = z.infer<typeof searchHitSchema>;

/** Why a file cannot be found by its content, or not by its meaning yet (`pending_vectors`: by its words it can). */
export const coverageReasonSchema = z.enum([
  'pending_text',
  'pending_vectors',
  'waiting_model',
  'waiting_reader',
  'encrypted',
  'damaged',
  'timed_out',
  'too_large',
  'gave_up',
  'failed',
  'unsupported',
  'empty',
  'no_text',
  'skipped',
]);

/** Files in scope, by what search knows of their content. Filters by what storage knows of a file count. */
export const coverageSchema = z.object({
  indexed: z.int(),
  pending: z.int(),
  failed: z.int(),
  skipped: z.int(),
  reasons: z.array(z.object({ reason: coverageReasonSchema, count: z.int() })),
});
export type Coverage = z.infer<typeof coverageSchema>;

export const freshnessSchema = z.enum(['current', 'pending', 'failed', 'gone']);
export type Freshness = z.infer<typeof freshnessSchema>;

export const degradedReasonSchema = z.enum(['semantic_search_off', 'model_unavailable', 'model_mismatch']);
export type DegradedReason = z.infer<typeof degradedReasonSchema>;

/** Up to 20 values of each that was asked for, the most frequent first; null where it was not. */
const facetSchema = z.array(z.object({ value: z.string(), name: z.string().optional(), count: z.int() }));
export const facetsSchema = z.object({
  /** Files that match; with `complete` false there are more, and the counts are of these. */
  matches: z.int(),
  complete: z.boolean(),
  type: facetSchema.optional(),
  tag: facetSchema.optional(),
  category: facetSchema.optional(),
  language: facetSchema.optional(),
  owner: facetSchema.optional(),
});
export type Facets = z.infer<typeof facetsSchema>;

/** What an answer says besides its items; the pages of one answer say the same. */
export const answerHeadSchema = z.object({
  /** The mode that answered: `keyword` when no vector of the query could be had. */
  mode: searchModeSchema,
  /** True when the answer is less than what was asked for. */
  degraded: z.boolean(),
  degradedReason: degradedReasonSchema.optional(),
  coverage: coverageSchema,
  /** Of the versions that `freshness` names, the worst: `pending` until all can be found in the mode asked for;
   * `gone`: not a current version that the caller sees; `failed`: its content will not be found. */
  freshness: freshnessSchema.optional(),
  /** No word of the query matched: what was looked for instead. */
  corrected: z.object({ from: z.string(), to: z.string() }).optional(),
  /** Where re-ranking was asked for: whether a model did it. */
  reranked: z.boolean().optional(),
  facets: facetsSchema.optional(),
  /** Which model of which provider had a part in the answer. */
  providers: z.object({
    embedding: z.array(z.object({ model: z.string(), provider: z.string() })),
    ranking: z.string().nullable(),
  }),
});
export type AnswerHead = z.infer<typeof answerHeadSchema>;

export const searchResultSchema = z
  .object({
    items: z.array(searchHitSchema),
    ...answerHeadSchema.shape,
    nextCursor: z.string().nullable(),
  })
  .openapi('SearchResult');
export type SearchResult = z.infer<typeof searchResultSchema>;
