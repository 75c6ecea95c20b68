/** A rectangle of token ids, row by row, padded on the right with 0. */
export interface TokenBatch {
  ids: Int32Array;
  /** Real tokens of each row. */
  lengths: Int32Array;
  columns: number;
}

/** Runs one batch at a time on each of its lanes. */
export interface InferenceEngine {
  readonly lanes: number;
  readonly dimensions: number;
  /** Pooled vectors, row by row, not normalised. A lane must be free: the caller keeps count. */
  run(lane: number, batch: TokenBatch): Promise<Float32Array>;
  close(): Promise<void>;
}
