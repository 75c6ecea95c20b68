import type { TurnLimits } from './turns.ts';

const MIB = 1024 * 1024;

/** What one HTTP call may ask for. */
export const requestLimits = {
  bodyBytes: 8 * MIB,
  textsPerCall: 256,
  charactersPerText: 20_000,
  /** Of a zero-shot classification: the model runs once for each. */
  labelsPerCall: 200,
  /** Of a summary. */
  newTokens: 512,
} as const;

/** What the inference queue holds before it answers 429; tokens are counted after truncation. */
export const queueLimits = {
  batchTokens: 262_144,
  /** Kept apart, so that a backlog of documents never refuses a person's query. */
  interactiveTokens: 16_384,
  /** Texts of each of the two kinds that are not tokens yet. */
  tokenizingTexts: 4_096,
} as const;

/** Models of other tasks than embedding, and models that are not in memory. */
export const inferenceLimits = {
  /** Of one model. */
  turns: { concurrent: 1, waiting: 32 },
  callMilliseconds: 60_000,
  /** How long a request waits for a model that is being loaded, before it is told to come back. */
  coldStartMilliseconds: 1_000,
  /** A model that could not be loaded is not tried again at once. */
  failedPauseMilliseconds: 10_000,
};

export interface ReadingLimits {
  fileBytes: number;
  /** UTF-16 code units of extracted text; what is beyond is not read, and the answer says so. */
  characters: number;
  pages: number;
  /** From the first byte parsed to the last chunk. */
  parseMilliseconds: number;
  downloadMilliseconds: number;
  /** JavaScript heap of a process that parses. */
  heapMebibytes: number;
  /** Everything that process has in memory, looked at while it works; unpacked streams are in no heap. */
  memoryMebibytes: number;
  /** What it may keep after a document; one that keeps more is not used again. */
  idleMebibytes: number;
  concurrentReads: number;
  /** Of them those that may have their pictures looked at; the others are for what has none. */
  concurrentLooks: number;
  waitingReads: number;
  /** Of documents that are archives inside. */
  zip: ZipLimits;
  /** Of archives, whose entries are only listed. */
  archive: ArchiveLimits;
  pictures: PictureLimits;
}

/** Checked on the bytes that really come out, not only on what the archive's directory claims. */
export interface ZipLimits {
  entries: number;
  uncompressedBytes: number;
  /** Uncompressed size over compressed size of a whole archive; real documents stay below 40. */
  ratio: number;
}

export interface ArchiveLimits extends ZipLimits {
  /** Archives inside archives; 1 is the file itself. */
  depth: number;
  /** Of archives inside, unpacked to see what they have inside in turn; beyond that nobody looks. */
  nestedBytes: number;
}

/** Of the processes that decode pictures, draw pages and recognise text: one at most for each look. */
export interface PictureLimits {
  /** Width times height, as the header says. */
  pixels: number;
  /** Longer side of what text is recognised in; larger pictures are scaled down to it. */
  recognisedSide: number;
  /** What pages are drawn in. */
  dotsPerInch: number;
  /** Pages of one PDF whose text is recognised; a page of print takes 2 to 5 s of a core. */
  pages: number;
  pagesMilliseconds: number;
  /** One picture, from its header to its text. */
  pictureMilliseconds: number;
  heapMebibytes: number;
  memoryMebibytes: number;
  idleMebibytes: number;
}

export const readingLimits: ReadingLimits = {
  fileBytes: 250 * MIB,
  characters: 5_000_000,
  pages: 5_000,
  parseMilliseconds: 120_000,
  downloadMilliseconds: 120_000,
  heapMebibytes: 768,
  memoryMebibytes: 1_024,
  idleMebibytes: 512,
  concurrentReads: 3,
  concurrentLooks: 2,
  waitingReads: 32,
  zip: { entries: 10_000, uncompressedBytes: 300 * MIB, ratio: 200 },
  archive: { entries: 100_000, uncompressedBytes: 4_096 * MIB, ratio: 200, depth: 4, nestedBytes: 64 * MIB },
  pictures: {
    pixels: 200_000_000,
    recognisedSide: 2_400,
    dotsPerInch: 200,
    pages: 100,
    pagesMilliseconds: 90_000,
    pictureMilliseconds: 40_000,
    heapMebibytes: 512,
    memoryMebibytes: 1_024,
    idleMebibytes: 512,
  },
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

/** Analysis steps; the limits of each are in its manifest. */
export const analysisLimits = {
  turns: { concurrent: 4, waiting: 64 },
  /** Steps on threads at once, of all requests. */
  threads: 2,
  /** Memory of a thread; its heap may be larger: V8 that meets the limit of a heap aborts the whole process. */
  builtIn: { heapMebibytes: 1_536, memoryMebibytes: 512 },
  added: { heapMebibytes: 1_024, memoryMebibytes: 256 },
} as const;
