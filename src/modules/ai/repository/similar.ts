import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { rankOn, visibleFiles } from '../../../core/database/schema/published.ts';
import { type SimilarQuery, similarKindSchema } from '../models/similar.ts';
import type { SimilarRepository } from '../ports/similar.ts';
import { uuid } from './drive-access.ts';

/** Bits of 64. */
const NEAR_DISTANCE = 3;
const NEAR_COSINE = 0.97;

export function createSimilarRepository(db: Database): SimilarRepository {
  return {
    async similar(userId, fileId, query) {
      const [about, found] = await db.batch([
        db.execute(sql`
          with ${self(userId, fileId)} select self.rank, self.version_id, self.sha256 is not null as content,
            self.simhash is not null as fingerprint, self.model from self`),
        db.execute(selectSimilar(userId, fileId, query)),
      ]);
      const { rank, version_id, ...rest } = aboutSchema.parse(about.rows[0]);
      if (rank === null) return undefined;
      if (version_id === null) return 'not_a_file';
      const { content, fingerprint, model } = rest;
      return {
        comparedBy: { content, fingerprint, vector: model },
        candidates: found.rows.map((row) => candidateSchema.parse(row)),
      };
    },
  };
}

const aboutSchema = z.object({
  rank: z.coerce.number().nullable(),
  version_id: z.string().nullable(),
  content: z.boolean(),
  fingerprint: z.boolean(),
  model: z.string().nullable(),
});

const candidateSchema = z
  .object({
    file_id: z.string(),
    kind: similarKindSchema,
    score: z.coerce.number(),
    distance: z.coerce.number().nullable(),
  })
  .transform(({ file_id, kind, score, distance }) => ({
    fileId: uuidToId('file', file_id),
    kind,
    score: Math.min(1, Math.max(0, score)),
    distance,
  }));

/** One row: what is known of the file, if the user sees it. */
const self = (userId: string, fileId: string): SQL => sql`
  self as materialized (
    select r.rank, f.file_id, f.version_id, f.sha256, a.simhash, d.model, d.embedding
    from (select ${rankOn(userId, uuid(fileId))} as rank) r
      left join storage.file_facts f on f.file_id = ${uuid(fileId)} and r.rank is not null
      left join ai.analyses a on a.version_id = f.version_id
      left join ai.document_vectors d on d.version_id = f.version_id and d.model = a.embedding_model
  )`;

/**
 * Every visible file is compared, one by one: the rows are few (a vector for a whole document), and nothing is lost to
 * a filter after an index scan. Bytes come from the index over their hashes.
 */
const selectSimilar = (userId: string, fileId: string, { limit, minScore }: SimilarQuery): SQL => sql`
  with ${self(userId, fileId)}, visible as materialized (
    select v.file_id, v.version_id from ${visibleFiles(userId)} v, self
    where v.version_id is not null and v.file_id <> self.file_id
  ), same as materialized (
    select f.version_id from self join storage.version_facts f on f.sha256 = self.sha256
  ), by_vector as materialized (
    select visible.file_id, visible.version_id, 1 - (d.embedding <=> self.embedding) as cosine
    from self cross join visible join ai.document_vectors d on d.version_id = visible.version_id and d.model = self.model
    order by cosine desc limit ${limit}
  ), candidates as (
    select file_id, version_id from by_vector where cosine >= least(${minScore}::float8, ${NEAR_COSINE})
    union
    select visible.file_id, visible.version_id
    from self cross join visible join ai.analyses a on a.version_id = visible.version_id
    where bit_count((a.simhash # self.simhash)::bit(64)) <= ${NEAR_DISTANCE}
    union
    select visible.file_id, visible.version_id from visible join same on same.version_id = visible.version_id
  ), compared as (
    select c.file_id, 1 - (d.embedding <=> self.embedding) as cosine,
      bit_count((a.simhash # self.simhash)::bit(64)) as distance,
      c.version_id in (select same.version_id from same) as identical
    from self cross join candidates c
      left join ai.analyses a on a.version_id = c.version_id
      left join ai.document_vectors d on d.version_id = c.version_id and d.model = self.model
  ), judged as (
    select file_id, distance,
      case when identical then 'identical'
        when distance <= ${NEAR_DISTANCE} or cosine >= ${NEAR_COSINE} then 'near-duplicate' else 'similar' end as kind,
      case when identical then 1 else coalesce(cosine, 1 - distance / 64.0) end as score
    from compared
  )
  select file_id, kind, score, distance from judged
  order by array_position('{identical,near-duplicate,similar}'::text[], kind), score desc, file_id limit ${limit}`;
