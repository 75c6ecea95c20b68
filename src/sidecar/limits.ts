const MIB = 1024 * 1024;

/** What one HTTP call may ask for. */
export const requestLimits = {
  bodyBytes: 8 * MIB,
  textsPerCall: 256,
  charactersPerText: 20_000,
} as const;

/** What the inference queue holds before it answers 429; tokens are counted after truncation. */
export const queueLimits = {
  batchTokens: 262_144,
  /** Kept apart, so that a backlog of documents never refuses a person's query. */
  interactiveTokens: 16_384,
} as const;

export interface ReadingLimits {
  fileBytes: number;
  /** UTF-16 code units of extracted text; what is beyond is not read, and the answer says so. */
  characters: number;
  pages: number;
  /** From the first byte parsed to the last chunk. */
  parseMilliseconds: number;
  downloadMilliseconds: number;
  /** JavaScript heap of the thread that parses. */
  heapMebibytes: number;
  /** Heap and buffers of that thread together: V8 limits the heap only, unpacked streams live in buffers. */
  memoryMebibytes: number;
  concurrentReads: number;
  waitingReads: number;
  zip: ZipLimits;
}

/** Checked on the bytes that really come out, not only on what the archive's directory claims. */
export interface ZipLimits {
  entries: number;
  uncompressedBytes: number;
  /** Uncompressed size over compressed size of a whole archive; real documents stay below 40. */
  ratio: number;
}

export const readingLimits: ReadingLimits = {
  fileBytes: 250 * MIB,
  characters: 5_000_000,
  pages: 5_000,
  parseMilliseconds: 120_000,
  downloadMilliseconds: 120_000,
  heapMebibytes: 768,
  memoryMebibytes: 1_024,
  concurrentReads: 2,
  waitingReads: 32,
  zip: { entries: 10_000, uncompressedBytes: 300 * MIB, ratio: 200 },
};
