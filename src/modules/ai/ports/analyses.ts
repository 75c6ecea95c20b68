import type { DocumentMetadata } from '../../../contracts/sidecar.ts';
import type { AnalysisStatus } from '../../../contracts/storage.ts';

export interface StoredAnalysis {
  readonly status: AnalysisStatus;
  readonly reason: string | null;
  readonly language: string | null;
  readonly metadata: DocumentMetadata;
  readonly truncated: string | null;
  readonly embeddingModel: string | null;
}

export interface AnalysisRepository {
  /** Of the current version; undefined when the user does not see the file. */
  find(userId: string, fileId: string): Promise<StoredAnalysis | 'not_a_file' | undefined>;
}
