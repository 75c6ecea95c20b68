import type { DocumentMetadata, StepResult, TextChunk } from '../../../contracts/sidecar.ts';
import type { StorageEvent } from '../../../contracts/storage.ts';
import type { Priority, Stage } from './work.ts';

export interface Job {
  readonly versionId: string;
  readonly fileId: string;
  readonly leaseToken: string;
  /** This one included. */
  readonly attempts: number;
  /** What is to be done, in order. */
  readonly todo: readonly Stage[];
  /** What is asked for from now on has another; it is not taken for done. */
  readonly run: number;
  readonly priority: Priority;
  /** There are results already, which go on answering. */
  readonly isRedo: boolean;
  /** How long it had to wait last time before it was due again. */
  readonly waitedSeconds: number;
  /** Of the request that made the version. */
  readonly traceparent: string | undefined;
}

/** Why a version cannot be read that storage does not hand out. Whoever brings it back asks for it to be read again. */
export const NOT_HANDED_OUT = {
  deleted: 'The file was deleted before it was read.',
  trashed: 'The file was in the trash when it was to be read.',
  missing: 'The content is missing from the object store.',
  corrupt: 'The content is not what was uploaded: its checksum is wrong.',
  infected: 'The content is infected, so it is not read.',
} as const;
export type NotHandedOut = keyof typeof NOT_HANDED_OUT;

/** What ends an analysis in the place of results. */
export interface Refusal {
  readonly status: 'skipped' | 'failed';
  readonly reason: string;
  readonly contentType?: string | undefined;
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

/** Models that a version needs vectors of. */
export interface EmbeddingModels {
  /** Null before anybody has chosen one. */
  readonly current: string | null;
  /** The one that is being made ready. */
  readonly next: string | null;
}

/** What the analysis steps get to see of a version. */
export interface StepInput extends DocumentProperties {
  /** The first ones, in order. */
  readonly chunks: readonly TextChunk[];
  readonly chunkCount: number;
  /** Mean of the vectors, of length 1; undefined when there is no text. */
  readonly vector?: { readonly model: string; readonly values: number[] } | undefined;
}

/** Jobs are rows: leased, fenced by their token at every write, tried again, and always in a state that can be explained. */
export interface JobRepository {
  cursor(): Promise<string | null>;
  /** Makes the jobs of these events and remembers the last one, in one transaction. */
  recordEvents(events: readonly StorageEvent[]): Promise<void>;
  /** The most urgent job that is due. */
  claim(leaseToken: string, leaseSeconds: number): Promise<Job | undefined>;
  /** `lost`: somebody else is on it, or it is gone. `give_way`: it is ours, but something more urgent is due. */
  renew(job: Job, leaseSeconds: number): Promise<'held' | 'give_way' | 'lost'>;
  /** Why storage does not hand out the content. */
  whyNotHandedOut(job: Job): Promise<NotHandedOut>;

  /** Puts passages in the place of those with the same index. Vectors of text that stays the same stay. */
  saveChunks(job: Job, chunks: readonly TextChunk[]): Promise<void>;
  /**
   * The last passages, and the end of the text: in one transaction. From now on keyword search finds the version,
   * whether or not vectors follow soon. Passages from `count` on are of an older text.
   */
  completeText(
    job: Job,
    properties: DocumentProperties,
    last: { readonly chunks: readonly TextChunk[]; readonly count: number },
  ): Promise<void>;

  embeddingModels(job: Job): Promise<EmbeddingModels>;
  /** Makes this the deployment's model, unless there is one. */
  chooseModel(model: string): Promise<void>;
  /** Makes room for vectors of a model, once. */
  addSpace(model: string, dimensions: number): Promise<void>;
  /** The first chunks that have no vector of this model yet; of no model, the first ones. */
  unembedded(job: Job, model: string | null, limit: number): Promise<UnembeddedChunk[]>;
  saveVectors(job: Job, model: string, vectors: readonly ChunkVector[]): Promise<void>;
  /**
   * All vectors of the model are saved, from now on they answer. `provider`: who made them; undefined when there was
   * nothing to make. @returns false when the job is lost, or another model has taken over meanwhile
   */
  completeVectors(job: Job, model: string | null, provider: string | undefined): Promise<boolean>;

  stepInput(job: Job, maxChunks: number): Promise<StepInput | undefined>;
  /** Ready. With `results` they take the place of those before, and rules that they reach are asked for. */
  finish(job: Job, results?: readonly StepResult[]): Promise<void>;
  /** Ends with nothing to show: what an earlier run has found is forgotten. */
  refuse(job: Job, refusal: Refusal): Promise<void>;
  /** Ends without an answer: what an earlier run has found stays. A dead letter when it was `givenUp`. */
  abandon(job: Job, reason: string, options: { readonly givenUp: boolean }): Promise<void>;

  /** Waits for its turn, due again after the delay. */
  release(job: Job, reason: string, delaySeconds: number): Promise<void>;
  /**
   * Waits because something that it needs is away. Not an attempt: it may wait for as long as that takes. Due again
   * the later the longer it has waited, after five minutes at most.
   */
  postpone(job: Job, reason: string): Promise<void>;
  /** Gives the rest of its work to whoever comes next. Not an attempt; due at once. */
  pause(job: Job): Promise<void>;
  /** Seconds until the next job is due, 0 when one is due now, undefined when there is none. */
  secondsUntilDue(): Promise<number | undefined>;
}
