import type { DocumentMetadata } from '../../../contracts/sidecar.ts';
import type { AnalysisStatus } from '../../../contracts/storage.ts';
import type { AnalysesQuery, Analysis, ExtractedText, StepResults } from '../models/analysis.ts';
import type { Priority, Stage } from './work.ts';

export interface StoredWork {
  readonly status: AnalysisStatus;
  readonly reason: string | null;
  readonly todo: readonly Stage[];
  readonly priority: Priority;
  readonly attempts: number;
  readonly updatedAt: Date;
  readonly nextAttemptAt: Date;
  readonly leaseUntil: Date | null;
  readonly givenUpAt: Date | null;
}

export interface StoredAnalysis extends StoredWork {
  readonly version: Analysis['version'];
  readonly contentType: string | null;
  readonly language: string | null;
  readonly metadata: DocumentMetadata;
  readonly results: StepResults;
  readonly truncated: string | null;
  readonly embeddingModel: string | null;
  readonly embeddingProvider: string | null;
  readonly chunkCount: number;
  readonly categories: NonNullable<Analysis['categories']>;
  readonly fields: NonNullable<Analysis['fields']>;
}

export interface ListedAnalysis extends StoredWork {
  readonly fileId: string;
  readonly name: string;
  readonly versionId: string;
}

/** Why there is nothing to show. */
export type NoVersion = 'file_not_found' | 'not_a_file' | 'version_not_found';

/** A passage with its offsets in the text of its version. */
export interface TextPiece {
  readonly start: number;
  readonly page: number | null;
  readonly text: string;
}

export interface AnalysisRepository {
  /** Of the current version or an older one of a file that the user sees. */
  find(userId: string, fileId: string, versionId?: string): Promise<StoredAnalysis | NoVersion>;
  /** Passages that touch a range of a version's text, in order, and the length of all of it. */
  text(
    userId: string,
    fileId: string,
    range: { readonly start: number; readonly end: number; readonly versionId?: string | undefined },
  ): Promise<
    | {
        readonly version: ExtractedText['version'];
        readonly isThere: boolean;
        readonly length: number;
        readonly pieces: TextPiece[];
      }
    | NoVersion
  >;
  /** Of the current versions of the files that the user sees, the newest first; one more than `limit` when there is. */
  list(userId: string, query: AnalysesQuery): Promise<ListedAnalysis[]>;
  /**
   * Asks for the current version to be analysed again; nothing changes while that is asked for already and nobody is
   * at it.
   */
  askAgain(
    userId: string,
    fileId: string,
    stages: readonly Stage[],
  ): Promise<'asked' | 'role_required' | NoVersion>;
}
