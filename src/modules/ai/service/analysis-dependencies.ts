import type { StorageClient } from '../../../contracts/storage.ts';
import type { Logger } from '../../../core/telemetry/logger.ts';
import type { DocumentReader, Embedder } from '../ports/inference.ts';
import type { JobRepository } from '../ports/jobs.ts';
import type { StepRunner, StepSettings } from '../ports/steps.ts';

export interface AnalysisDependencies {
  readonly jobs: JobRepository;
  readonly storage: StorageClient;
  readonly reader: DocumentReader;
  readonly embedder: Embedder;
  readonly steps: StepRunner;
  readonly settings: StepSettings;
  readonly newToken: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Share of the traces that are kept, 0 to 1; undefined where there is no collector. */
  readonly traceRatio?: number | undefined;
}

/** Longer than any one call: reading a document may take 180 s, its analysis steps 200 s, embedding a slice 120 s. */
export const LEASE_SECONDS = 240;
