import type { DocumentMetadata, ReadRequest, ReadResponse, TextChunk } from '../../contracts/sidecar.ts';
import type { AnalysisStatus, StorageEvent } from '../../contracts/storage.ts';
import type { Coverage } from './models.ts';

export interface Job {
  readonly versionId: string;
  readonly fileId: string;
  readonly leaseToken: string;
  /** This one included. */
  readonly attempts: number;
  /** An earlier attempt has saved the text; only vectors are missing. */
  readonly hasText: boolean;
}

export interface Outcome {
  readonly status: 'ready' | 'skipped' | 'failed';
  readonly reason?: string;
  readonly contentType?: string;
}

/** What is known of a document besides its passages. */
export interface DocumentProperties {
  readonly contentType: string;
  readonly language: string | null;
  readonly metadata: DocumentMetadata;
  readonly truncated?: string | undefined;
}

export interface UnembeddedChunk {
  readonly index: number;
  readonly text: string;
}

export interface ChunkVector {
  readonly index: number;
  readonly values: readonly number[];
}

export interface StoredAnalysis {
  readonly status: AnalysisStatus;
  readonly reason: string | null;
  readonly language: string | null;
  readonly metadata: DocumentMetadata;
  readonly truncated: string | null;
  readonly embeddingModel: string | null;
}

/** Jobs are rows: leased, fenced by their token, retried, and always in a state that can be explained. */
export interface JobRepository {
  cursor(): Promise<string | null>;
  /** Makes the jobs of these events and remembers the last one, in one transaction. Repeating it changes nothing. */
  recordEvents(events: readonly StorageEvent[]): Promise<void>;
  claim(leaseToken: string, leaseSeconds: number): Promise<Job | undefined>;
  /** False when the lease was lost: somebody else is on it. */
  renew(job: Job, leaseSeconds: number): Promise<boolean>;
  /** Removes what an interrupted attempt has left. */
  clearText(job: Job): Promise<void>;
  saveChunks(job: Job, chunks: readonly TextChunk[]): Promise<void>;
  /** All chunks are saved: from now on keyword search finds the version, whether or not vectors follow soon. */
  completeText(job: Job, properties: DocumentProperties): Promise<void>;
  /** The first chunks that have no vector yet. */
  unembedded(job: Job, limit: number): Promise<UnembeddedChunk[]>;
  saveVectors(job: Job, model: string, vectors: readonly ChunkVector[]): Promise<void>;
  finish(job: Job, outcome: Outcome): Promise<void>;
  /** Back to `pending`, due again after the delay. */
  release(job: Job, reason: string, delaySeconds: number): Promise<void>;
  /**
   * Back to `pending` because something that it needs is away. Not an attempt: it may wait for as long as that
   * takes. Due again the later the longer it has waited, after five minutes at most.
   */
  postpone(job: Job, reason: string): Promise<void>;
  /** Seconds until the next job is due, 0 when one is due now, undefined when there is none. */
  secondsUntilDue(): Promise<number | undefined>;
}

export interface Candidate {
  readonly fileId: string;
  readonly versionId: string;
  readonly index: number;
  readonly score: number;
}

export interface QueryVector {
  readonly model: string;
  readonly values: readonly number[];
}

export interface Passage {
  readonly versionId: string;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly page: number | null;
  /** The part to show, matched words between MARK_START and MARK_END. */
  readonly marked: string;
}

export const MARK_START = '\uE000';
export const MARK_END = '\uE001';

export interface SearchRepository {
  /** Best passage of each file by BM25 and by cosine similarity, over what the user may see, and how much that is. */
  search(
    userId: string,
    query: string,
    legs: { keyword: boolean; vector: QueryVector | undefined },
    depth: number,
  ): Promise<{ keyword: Candidate[]; semantic: Candidate[]; coverage: Coverage }>;
  passages(query: string, hits: readonly { versionId: string; index: number }[]): Promise<Passage[]>;
  analysis(userId: string, fileId: string): Promise<StoredAnalysis | 'not_a_file' | undefined>;
}

/** Reads documents. @throws DependencyError when it cannot be reached. */
export interface DocumentReader {
  read(request: ReadRequest): Promise<ReadResponse>;
}

/** Makes vectors. @throws ModelUnavailableError, DependencyError. */
export interface Embedder {
  embed(
    texts: readonly string[],
    priority: 'interactive' | 'batch',
  ): Promise<{ model: string; vectors: number[][] }>;
}

/** The model server answers, but has no model to answer with, or no room. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError';
}
