import { sql } from 'drizzle-orm';

/** How text becomes lexemes, for documents and queries alike. */
export const TEXT_SEARCH = sql.raw(`'english'::regconfig`);

/** BM25 with the parameters of the published baselines (Anserini's for BEIR). */
export const BM25 = { k1: 0.9, b: 0.4 } as const;
