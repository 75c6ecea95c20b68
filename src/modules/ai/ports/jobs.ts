import type { DocumentMetadata, TextChunk } from '../../../contracts/sidecar.ts';
import type { StorageEvent } from '../../../contracts/storage.ts';

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
