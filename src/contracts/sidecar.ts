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

/** Where a picture was taken, degrees (WGS 84) and metres. */
const placeSchema = z.object({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  altitude: z.number().optional(),
});

/** Properties found in the document itself; only keys that were found are present. Dates are ISO 8601. */
export const documentMetadataSchema = z.object({
  title: z.string().optional(),
  subject: z.string().optional(),
  author: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  /** The program that made the document. */
  application: z.string().optional(),
  createdAt: z.string().optional(),
  modifiedAt: z.string().optional(),
  pages: z.int().nonnegative().optional(),
  /** Pages whose text was recognised from a picture of them. */
  ocrPages: z.int().nonnegative().optional(),
  sheets: z.int().nonnegative().optional(),
  slides: z.int().nonnegative().optional(),
  words: z.int().nonnegative().optional(),
  characters: z.int().nonnegative().optional(),
  /** Entries of an archive. */
  entries: z.int().nonnegative().optional(),
  /** Of an e-mail, as the header has them. */
  email: z
    .object({
      from: z.string().optional(),
      to: z.array(z.string()).optional(),
      cc: z.array(z.string()).optional(),
      sentAt: z.string().optional(),
      attachments: z.array(z.string()).optional(),
    })
    .optional(),
  image: z
    .object({
      /** Pixels, as shown: after the orientation of EXIF. */
      width: z.int().positive(),
      height: z.int().positive(),
      /** The most present first, `#rrggbb`. */
      colours: z.array(z.string()).optional(),
      camera: z.string().optional(),
      lens: z.string().optional(),
      takenAt: z.string().optional(),
      place: placeSchema.optional(),
    })
    .optional(),
  /** Of audio and video. */
  media: z
    .object({
      durationSeconds: z.number().nonnegative().optional(),
      artist: z.string().optional(),
      album: z.string().optional(),
      track: z.int().optional(),
      year: z.int().optional(),
      genres: z.array(z.string()).optional(),
      codec: z.string().optional(),
      /** Bits a second. */
      bitrate: z.number().optional(),
    })
    .optional(),
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
    /** None for a picture, recording or archive of which only properties are known. */
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

/** What a task of a model is called, as Hugging Face calls it. */
export const modelTaskSchema = z.enum([
  'feature-extraction',
  'text-ranking',
  'zero-shot-classification',
  'summarization',
  'token-classification',
  'text-classification',
]);
export type ModelTask = z.infer<typeof modelTaskSchema>;

/** Names a model on the wire and in the database; of an embedding model also its vector space. */
export const modelIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be the id of a model');

/**
 * An entry of `GET /v1/registry` (`{models, memory: {budgetBytes, residentBytes}}`). `POST /v1/registry/{id}/pull` (202),
 * `…/warm` (202), `…/unload`, `…/pin`, `…/unpin` (200, the entry) and `DELETE /v1/registry/{id}` (its files; 204) manage it.
 * `POST /v1/models/{task}/{id}` infers with one model, `POST /v1/models/{task}` with the default of the task.
 */
export const modelInfoSchema = z.object({
  id: modelIdSchema,
  task: modelTaskSchema,
  repo: z.string(),
  revision: z.string(),
  dtype: z.string(),
  /** Of an embedding model. */
  dimensions: z.int().positive().nullable(),
  /** What is longer is cut. */
  maxTokens: z.int().positive(),
  licence: z.string(),
  /** Bytes on disk; of a model that is not there, what the registry says of it, or null. */
  sizeBytes: z.int().nonnegative().nullable(),
  /** `available`: known and not here; `pulled`: on disk; `ready`: in memory. */
  state: z.enum(['available', 'pulling', 'pulled', 'loading', 'ready', 'failed']),
  /** Why it failed. */
  reason: z.string().optional(),
  pinned: z.boolean(),
  isDefault: z.boolean(),
  /** While it is being pulled. */
  progress: z
    .object({ receivedBytes: z.int().nonnegative(), totalBytes: z.int().nonnegative().nullable() })
    .optional(),
  figures: z.object({
    loadMilliseconds: z.number().nullable(),
    /** Growth of the process by loading it. */
    residentBytes: z.int().nonnegative().nullable(),
    requests: z.int().nonnegative(),
    failures: z.int().nonnegative(),
    tokens: z.int().nonnegative(),
    /** Of a request, over the last 1,000. */
    p50Milliseconds: z.number().nullable(),
    p95Milliseconds: z.number().nullable(),
    tokensPerSecond: z.number().nullable(),
    lastUsedAt: z.string().nullable(),
  }),
});
export type ModelInfo = z.infer<typeof modelInfoSchema>;

export const modelRegistrySchema = z.object({
  models: z.array(modelInfoSchema),
  memory: z.object({ budgetBytes: z.int().positive(), residentBytes: z.int().nonnegative() }),
});
export type ModelRegistry = z.infer<typeof modelRegistrySchema>;

/** Answer of `POST /v1/models/text-ranking[/{id}]` to `{query, texts}`; text-embeddings-inference's `/rerank`. */
export const rankingResponseSchema = z.array(z.object({ index: z.int().nonnegative(), score: z.number() }));

export const pluginNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,49}$/, 'must be the name of a plugin');

/** What an analysis step says of itself; entry of `GET /v1/plugins` (`{plugins}`). */
export const pluginManifestSchema = z.object({
  name: pluginNameSchema,
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  description: z.string().max(500),
  /** What it is given besides the text: nothing else reaches it. */
  inputs: z.array(z.enum(['text', 'metadata', 'name', 'embedding'])).min(1),
  /** Keys of its output. */
  outputs: z.array(z.string().min(1)).min(1),
  /** Media types it is for, `text/*` and `*` allowed. */
  mediaTypes: z.array(z.string().min(1)).min(1),
  limits: z.object({
    milliseconds: z.int().positive().max(120_000),
    /** Of the text; it is told when it does not see all. */
    characters: z.int().positive().max(1_000_000),
    /** Of its output as JSON. */
    outputBytes: z.int().positive().max(1_048_576),
  }),
});
export type PluginManifest = z.infer<typeof pluginManifestSchema>;

export const pluginInfoSchema = pluginManifestSchema.extend({
  /** Where it came from. */
  source: z.enum(['built-in', 'folder', 'package', 'http']),
  /** Runs unless a workspace says otherwise. */
  enabledByDefault: z.boolean(),
  /** Why it cannot run. */
  fault: z.string().optional(),
});
export type PluginInfo = z.infer<typeof pluginInfoSchema>;

/** A label as the `classification` step takes it; vectors are means of normalised document vectors. */
export const labelPromptSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  positive: z.object({ vector: z.array(z.number()), count: z.int().positive() }).optional(),
  negative: z.object({ vector: z.array(z.number()), count: z.int().positive() }).optional(),
});
export type LabelPrompt = z.infer<typeof labelPromptSchema>;

/** A user-defined field as the `fields` step takes it. */
export const fieldPromptSchema = z.object({
  name: z.string(),
  type: z.enum(['text', 'number', 'date', 'amount', 'email', 'url', 'choice']),
  description: z.string(),
  choices: z.array(z.string()).optional(),
});
export type FieldPrompt = z.infer<typeof fieldPromptSchema>;

/** `POST /v1/analyses`: runs analysis steps over the text of one version, each in its own bounds. */
export const analysisRequestSchema = z.object({
  name: z.string(),
  contentType: z.string(),
  language: z.string().nullable(),
  metadata: documentMetadataSchema,
  /** In order; may be only the first ones of a long document. */
  chunks: z.array(textChunkSchema).max(2_000),
  /** False when there are more chunks than were sent. */
  complete: z.boolean(),
  /** Mean of the chunks' vectors and the model that made them. */
  vector: z.object({ model: modelIdSchema, values: z.array(z.number()) }).optional(),
  /** For built-in steps: what a workspace has defined. */
  labels: z.array(labelPromptSchema).max(200).default([]),
  fields: z.array(fieldPromptSchema).max(100).default([]),
  steps: z.array(pluginNameSchema).min(1).max(50),
});
export type AnalysisRequest = z.infer<typeof analysisRequestSchema>;

export const stepResultSchema = z.object({
  step: pluginNameSchema,
  /** Of the plugin. */
  version: z.string(),
  status: z.enum(['done', 'skipped', 'failed']),
  /** Why skipped or failed, for a person. */
  reason: z.string().optional(),
  output: z.record(z.string(), z.unknown()).optional(),
  /** The model that had a part in it. */
  model: z.string().optional(),
  milliseconds: z.number().nonnegative(),
});
export type StepResult = z.infer<typeof stepResultSchema>;
export const analysisResponseSchema = z.object({ results: z.array(stepResultSchema) });
export type AnalysisResponse = z.infer<typeof analysisResponseSchema>;

/** Outputs of the built-in steps. Offsets are in UTF-16 code units of the version's text. */
export const summaryOutputSchema = z.object({
  summary: z.string(),
  /** `extractive`: sentences of the document, in their order, with where they stand. */
  method: z.enum(['extractive', 'abstractive']),
  sentences: z.array(z.object({ start: z.int(), end: z.int() })),
});
export const keywordsOutputSchema = z.object({
  keywords: z.array(z.object({ text: z.string(), score: z.number() })),
});
export const entitiesOutputSchema = z.object({
  entities: z.array(
    z.object({
      type: z.enum(['person', 'place', 'organisation', 'date', 'amount', 'email', 'url', 'phone']),
      text: z.string(),
      /** Normalised where it can be: an ISO date, `EUR 12.50`, a lower-case address. */
      value: z.string().optional(),
      start: z.int(),
      end: z.int(),
    }),
  ),
});
export const sentimentOutputSchema = z.object({
  /** -1 to 1. */
  sentiment: z.number().min(-1).max(1),
  label: z.enum(['negative', 'neutral', 'positive']),
});
export const readingOutputSchema = z.object({ words: z.int(), readingSeconds: z.int() });
/** For near-duplicates: 64-bit simhash of the words as 16 hex digits. */
export const fingerprintOutputSchema = z.object({ simhash: z.string().regex(/^[0-9a-f]{16}$/) });
export const classificationOutputSchema = z.object({
  /** Calibrated, the best first; empty is "none of these". `label` is an id that was asked with, or a name of the default taxonomy. */
  categories: z.array(z.object({ label: z.string(), score: z.number().min(0).max(1) })),
});
export const fieldsOutputSchema = z.object({
  fields: z.array(
    z.object({
      name: z.string(),
      /** Normalised: a number in decimal notation, an ISO date. */
      value: z.string(),
      confidence: z.number().min(0).max(1),
      start: z.int(),
      end: z.int(),
    }),
  ),
});

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
