import { aiError } from '../errors.ts';
import type { Analysis } from '../models/analysis.ts';
import type { AnalysisRepository } from '../ports/analyses.ts';

/** What is known of the content of files. */
export interface AnalysisResults {
  /** @throws AppError `file_not_found`, `not_a_file` */
  of(userId: string, fileId: string): Promise<Analysis>;
}

export function createAnalysisResults({
  repository,
}: {
  readonly repository: AnalysisRepository;
}): AnalysisResults {
  return {
    async of(userId, fileId) {
      const stored = await repository.find(userId, fileId);
      if (stored === undefined) throw aiError('file_not_found');
      if (stored === 'not_a_file') throw aiError('not_a_file');
      return {
        status: stored.status,
        ...(stored.reason ? { reason: stored.reason } : {}),
        language: stored.language,
        summary: null,
        keywords: null,
        categories: null,
        entities: null,
        metadata: stored.metadata,
        ...(stored.truncated ? { truncated: stored.truncated } : {}),
        models: { embedding: stored.embeddingModel },
      };
    },
  };
}
