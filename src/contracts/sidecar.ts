import { z } from 'zod';

/**
 * The wire between the modules and the sidecar. Besides the calls below, the sidecar answers `POST /v1/models/{task}` in the Hugging Face inference format of that task (`feature-extraction` today), so
 * that `@huggingface/inference` is the one inference client. Every call but `GET /healthz` and `GET /readyz`
 * needs a service token (see core/security/service-token.ts) with audience `sidecar` as bearer token.
 */

/** Lengths and offsets of text are in UTF-16 code units of the extracted text, `start` inclusive, `end` exclusive. */
export const textChunkSchema = z.object({
  index: z.int().nonnegative(),
  start: z.int().nonnegative(),
  end: z.int().positive(),
  text: z.string().min(1),
  /** 1-based page the chunk starts on, where the format has pages. */
  page: z.int().positive().optional(),
});
export type TextChunk = z.infer<typeof textChunkSchema>;

/** The data key of an object that the vault has encrypted (`OBJECT_ENCRYPTION=envelope`). */
export const objectDecryptionSchema = z.object({
  /** AES-256 key: 32 bytes, base64. */
  key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64'),
  /** Id of the object that the frames were sealed as (core/objects/envelope.ts). */
  id: z.string().min(1).max(200),
});
export type ObjectDecryption = z.infer<typeof objectDecryptionSchema>;

/** Every call about an object says where it lies. */
export const objectRequestSchema = z.object({
  /** Presigned GET URL of the object; its origin must be the configured object store. */
  url: z.url(),
  /** Bytes of plaintext; what is stored under encryption is larger. */
  size: z.int().nonnegative(),
  decryption: objectDecryptionSchema.optional(),
});
export type ObjectRequest = z.infer<typeof objectRequestSchema>;

export const readRequestSchema = objectRequestSchema.extend({
  /** File name and announced type are hints: the content decides. */
  name: z.string(),
  contentType: z.string(),
});
export type ReadRequest = z.infer<typeof readRequestSchema>;

/** Properties found in the document itself; only keys that were found are present. */
export const documentMetadataSchema = z.object({
  title: z.string().optional(),
  author: z.string().optional(),
  createdAt: z.string().optional(),
  pages: z.int().nonnegative().optional(),
  words: z.int().nonnegative().optional(),
  characters: z.int().nonnegative().optional(),
});
export type DocumentMetadata = z.infer<typeof documentMetadataSchema>;

export const readResponseSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('read'),
    /** Media type by content. */
    contentType: z.string(),
    /** ISO 639-1, null when the text is too short or the language is not recognised. */
    language: z.string().nullable(),
    metadata: documentMetadataSchema,
    chunks: z.array(textChunkSchema),
    /** Present when a stated limit cut something off; says which, for a person to read. */
    truncated: z.string().optional(),
  }),
  /** Nothing to read by design: an unsupported type, an empty file, a document without text. */
  z.object({ status: z.literal('skipped'), contentType: z.string(), reason: z.string() }),
  /** The document should have been readable but is not: encrypted, broken, over a limit. */
  z.object({ status: z.literal('failed'), contentType: z.string(), reason: z.string() }),
]);
export type ReadResponse = z.infer<typeof readResponseSchema>;

/** Pixels: a preview fits into a square of so many, and is never larger than its source, but for drawings (SVG, PDF). */
export const previewWidthSchema = z.union([z.literal(64), z.literal(256), z.literal(1_024)]);
export type PreviewWidth = z.infer<typeof previewWidthSchema>;

/**
 * `POST /v1/preview`: JPEG, PNG, WebP, GIF, AVIF, TIFF, SVG and the first page of a PDF, by content. 200 is the picture
 * (`image/webp`, without metadata), its size and the media type of the source in the headers below. Refusals that no
 * repetition changes are `preview_unsupported` (415) and `preview_failed` (422), the media type in the header.
 */
export const previewRequestSchema = objectRequestSchema.extend({ width: previewWidthSchema });
export type PreviewRequest = z.infer<typeof previewRequestSchema>;

export const PREVIEW_HEADERS = {
  width: 'x-preview-width',
  height: 'x-preview-height',
  sourceType: 'x-source-type',
} as const;

/** Answer of `POST /v1/digest`, which takes an object request. */
export const digestResponseSchema = z.object({
  /** Lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
});
export type DigestResponse = z.infer<typeof digestResponseSchema>;

/** Answer of `POST /v1/scan`, which takes an object request. 503 `scanner_unavailable` says nothing about the object. */
export const scanResponseSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('clean') }),
  z.object({ status: z.literal('infected'), signature: z.string() }),
  /** No scanner is configured, or the scanner does not take objects of this size. */
  z.object({ status: z.literal('unscanned'), reason: z.enum(['no_scanner', 'too_large']) }),
]);
export type ScanResponse = z.infer<typeof scanResponseSchema>;

/** `GET /readyz` of the sidecar; 200 even while a model is missing, because reading still works. */
export const sidecarReadySchema = z.object({
  status: z.enum(['ready', 'degraded']),
  models: z.record(
    z.string(),
    z.object({
      id: z.string(),
      state: z.enum(['loading', 'ready', 'missing']),
      dimensions: z.int().positive().optional(),
      source: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
});
export type SidecarReady = z.infer<typeof sidecarReadySchema>;
