import type { TurnLimits } from './turns.ts';

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

export interface PreviewLimits {
  fileBytes: number;
  /** Width times height of the source, as its header says. */
  pixels: number;
  /** Text of an SVG. */
  svgBytes: number;
  renderMilliseconds: number;
  downloadMilliseconds: number;
  /** JavaScript heap of the process that renders. */
  heapMebibytes: number;
  /** Everything the process has in memory: what native libraries take is in no heap. */
  memoryMebibytes: number;
  turns: TurnLimits;
}

export const previewLimits: PreviewLimits = {
  fileBytes: 250 * MIB,
  pixels: 200_000_000,
  svgBytes: 8 * MIB,
  renderMilliseconds: 20_000,
  downloadMilliseconds: 60_000,
  heapMebibytes: 512,
  memoryMebibytes: 1_024,
  turns: { concurrent: 2, waiting: 64 },
};

/** Objects that only stream through, for a digest or the scanner. */
export const streamingLimits = {
  idleMilliseconds: 30_000,
  turns: { concurrent: 4, waiting: 64 },
  /** From the last byte sent to the scanner's answer; clamd ends a scan by itself after 120 s. */
  scanMilliseconds: 150_000,
} as const;
