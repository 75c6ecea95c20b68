import { z } from '@hono/zod-openapi';
import { modelIdSchema } from '../../../contracts/sidecar.ts';
import { fileSchema } from '../../../contracts/storage.ts';

export const similarQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(50).default(10),
  /** Of the likeness of files that are neither identical nor nearly so. */
  minScore: z.coerce.number().min(0).max(1).default(0.5),
});
export type SimilarQuery = z.infer<typeof similarQuerySchema>;

export const similarKindSchema = z.enum(['identical', 'near-duplicate', 'similar']);
export type SimilarKind = z.infer<typeof similarKindSchema>;

export const similarSchema = z
  .object({
    /** Identical ones first, then near duplicates, then similar ones; of each the likest first. No further pages. */
    items: z.array(
      z.object({
        file: fileSchema,
        /**
         * `identical`: the same bytes. `near-duplicate`: the words differ in 3 of 64 bits of their fingerprint at most,
         * or the vectors have a cosine of 0.97 or more.
         */
        kind: similarKindSchema,
        /** 0 to 1: the cosine of the vectors; where there are none, the share of bits that are equal. */
        score: z.number(),
        /** Bits in which the fingerprints differ; null where one has none. */
        distance: z.int().nullable(),
      }),
    ),
    /** What the file could be compared by: without a vector nothing is found that is merely similar. */
    comparedBy: z.object({
      content: z.boolean(),
      fingerprint: z.boolean(),
      /** The model of the vectors. */
      vector: modelIdSchema.nullable(),
    }),
  })
  .openapi('SimilarFiles');
export type Similar = z.infer<typeof similarSchema>;
