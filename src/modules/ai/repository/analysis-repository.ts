import { eq, sql } from 'drizzle-orm';
import { documentMetadataSchema } from '../../../contracts/sidecar.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { analyses } from '../../../core/database/schema/ai.ts';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import type { AnalysisRepository } from '../ports/analyses.ts';

export function createAnalysisRepository(db: Database): AnalysisRepository {
  return {
    async find(userId, fileId) {
      const rows = await db.execute(sql`
        select visible.version_id from ${visibleFiles(userId)} visible where visible.file_id = ${idToUuid(fileId)}::uuid`);
      const row = rows.rows[0];
      if (row === undefined) return undefined;
      if (typeof row.version_id !== 'string') return 'not_a_file';
      const found = await db
        .select()
        .from(analyses)
        .where(eq(analyses.versionId, uuidToId('ver', row.version_id)));
      const analysis = found[0];
      if (analysis === undefined) return NOT_NOTICED_YET;
      return { ...analysis, metadata: documentMetadataSchema.parse(analysis.metadata) };
    },
  };
}

const NOT_NOTICED_YET = {
  status: 'pending',
  reason: null,
  language: null,
  metadata: {},
  truncated: null,
  embeddingModel: null,
} as const;
