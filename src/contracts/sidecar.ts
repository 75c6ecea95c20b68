import { z } from 'zod';

/**
 * The wire between the AI module and the sidecar. Besides `POST /v1/read` below, the sidecar answers
 * `POST /v1/models/{task}` in the Hugging Face inference format of that task (`feature-extraction` today), so
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

export const readRequestSchema = z.object({
  /** Presigned GET URL of the object; its origin must be the configured object store. */
  url: z.url(),
  size: z.int().nonnegative(),
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
