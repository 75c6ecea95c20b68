import { z } from '@hono/zod-openapi';

export const explainReasonSchema = z.object({
  code: z.enum(['found', 'not_visible', 'deleted', 'filter', 'not_indexed', 'no_match', 'beyond_depth']),
  detail: z.string(),
});
export type ExplainReason = z.infer<typeof explainReasonSchema>;

export const searchExplanationSchema = z
  .object({
    inAnswer: z.boolean(),
    /** 1 is the best. */
    rank: z.int().positive().optional(),
    /** `not_visible`: there is no such file, or it is not yours to see; nobody is told which. */
    reasons: z.array(explainReasonSchema),
    /** Of the file's best passage in each leg; null where the leg has nothing of it, or was not asked. */
    legs: z.object({
      keyword: z
        .object({
          score: z.number(),
          /** `tf` in the passage, `idf` over the passages in scope. */
          terms: z.array(z.object({ term: z.string(), idf: z.number(), tf: z.number() })),
        })
        .nullable(),
      /** `rank` among the candidates of the leg; null beyond its depth. */
      semantic: z.object({ similarity: z.number(), rank: z.int().positive().nullable() }).nullable(),
    }),
  })
  .openapi('SearchExplanation');
export type SearchExplanation = z.infer<typeof searchExplanationSchema>;
