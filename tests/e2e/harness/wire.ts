import { z } from 'zod';

/**
 * The wire as it was promised, written down a second time on purpose: a change of the product's own schemas must
 * not silently change what the tests expect. Objects are strict, so a field that nobody promised is noticed too.
 */

const timestamp = z.iso.datetime({ precision: 3 });
const fileId = z.string().regex(/^file_[0-9a-f]{32}$/);

export const problemSchema = z.strictObject({
  type: z.string().regex(/^urn:acs:problem:[a-z_]+$/),
  title: z.string().min(1),
  status: z.int().min(400).max(599),
  detail: z.string().min(1),
  code: z.string().regex(/^[a-z][a-z_]*$/),
  requestId: z.string().min(8),
  errors: z
    .array(z.strictObject({ field: z.string().min(1), message: z.string().min(1) }))
    .min(1)
    .optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** RFC 6749 5.2. */
export const oauthRefusalSchema = z.strictObject({
  error: z.string().regex(/^[a-z_]+$/),
  error_description: z.string().min(1),
});

export const userSchema = z.strictObject({
  id: z.string().regex(/^usr_[0-9a-f]{32}$/),
  kind: z.enum(['person', 'service']),
  email: z.email().nullable(),
  emailVerified: z.boolean(),
  name: z.string().nullable(),
  role: z.string(),
  createdAt: timestamp,
});

export const tokensSchema = z.strictObject({
  user: userSchema,
  accessToken: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  refreshToken: z.string().min(32),
  tokenType: z.literal('Bearer'),
  expiresIn: z.int().positive(),
});
export type Tokens = z.infer<typeof tokensSchema>;

export const mfaChallengeSchema = z.strictObject({
  mfaToken: z.string().min(43),
  methods: z.array(z.enum(['totp', 'passkey', 'recovery'])).min(1),
  expiresIn: z.int().positive(),
});

export const sessionPageSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      id: z.string().regex(/^ses_[0-9a-f]{32}$/),
      current: z.boolean(),
      device: z.string().nullable(),
      userAgent: z.string().nullable(),
      place: z.string().nullable(),
      network: z.string().nullable(),
      methods: z.array(z.string()),
      client: z.string().nullable(),
      createdAt: timestamp,
      lastUsedAt: timestamp,
      expiresAt: timestamp,
    }),
  ),
  nextCursor: z.string().nullable(),
});

export const apiKeySchema = z.strictObject({
  id: z.string().regex(/^key_[0-9a-f]{32}$/),
  name: z.string(),
  prefix: z.string().min(4),
  scopes: z.array(z.string()).min(1),
  allowedNetworks: z.array(z.string()),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
  lastUsedAddress: z.string().nullable(),
  replaces: z.string().nullable(),
  revokedAt: timestamp.nullable(),
});
export const newApiKeySchema = apiKeySchema.extend({ key: z.string().regex(/^acs_[\w-]{43}[0-9a-f]{8}$/) });

export const workspaceSchema = z.strictObject({
  id: z.string().regex(/^wsp_[0-9a-f]{32}$/),
  name: z.string(),
  role: z.string(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const fileSchema = z.strictObject({
  id: fileId,
  kind: z.enum(['file', 'folder']),
  name: z.string(),
  driveId: z.string().regex(/^(usr|wsp)_[0-9a-f]{32}$/),
  parentId: fileId.nullable(),
  path: z.string().startsWith('/'),
  role: z.enum(['viewer', 'commenter', 'editor', 'manager']),
  size: z.int().nonnegative().nullable(),
  contentType: z.string().nullable(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  etag: z
    .string()
    .regex(/^"[\x21\x23-\x7e]+"$/)
    .nullable(),
  content: z.enum(['live', 'missing', 'corrupt', 'infected']).nullable(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  favourite: z.boolean(),
  trashedAt: timestamp.nullable(),
  version: z
    .strictObject({ id: z.string().regex(/^ver_[0-9a-f]{32}$/), number: z.int().positive() })
    .nullable(),
  analysis: z
    .strictObject({
      status: z.enum(['pending', 'processing', 'ready', 'skipped', 'failed']),
      reason: z.string().min(1).optional(),
    })
    .nullable(),
  createdAt: timestamp,
  updatedAt: timestamp,
});
export type File = z.infer<typeof fileSchema>;

export const filePageSchema = z.strictObject({
  items: z.array(fileSchema),
  nextCursor: z.string().nullable(),
});

export const versionPageSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      id: z.string().regex(/^ver_[0-9a-f]{32}$/),
      number: z.int().positive(),
      size: z.int().nonnegative(),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullable(),
      etag: z.string(),
      contentType: z.string(),
      content: z.enum(['live', 'missing', 'corrupt', 'infected']),
      label: z.string().nullable(),
      createdBy: z.string().startsWith('usr_'),
      createdAt: timestamp,
      current: z.boolean(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

const place = { start: z.int().nonnegative(), end: z.int().nonnegative() };

export const analysisSchema = z.strictObject({
  version: z.strictObject({
    id: z.string(),
    number: z.int().positive(),
    sha256: z.string().length(64).nullable(),
  }),
  status: z.enum(['pending', 'processing', 'ready', 'skipped', 'failed']),
  reason: z.string().min(1).optional(),
  work: z.strictObject({
    stages: z.array(z.enum(['text', 'vectors', 'steps'])),
    priority: z.enum(['interactive', 'batch']),
    attempts: z.int().nonnegative(),
    since: z.iso.datetime(),
    nextAttemptAt: z.iso.datetime().nullable(),
    leasedUntil: z.iso.datetime().nullable(),
    givenUp: z.boolean(),
    explanation: z.string().min(1),
  }),
  contentType: z.string().nullable(),
  language: z.string().length(2).nullable(),
  summary: z
    .strictObject({
      text: z.string(),
      method: z.enum(['extractive', 'abstractive']),
      sentences: z.array(z.strictObject(place)),
    })
    .nullable(),
  keywords: z.array(z.string()).nullable(),
  categories: z
    .array(
      z.strictObject({
        label: z.string(),
        name: z.string(),
        score: z.number(),
        source: z.enum(['model', 'user']),
      }),
    )
    .nullable(),
  entities: z
    .array(z.strictObject({ type: z.string(), text: z.string(), value: z.string().optional(), ...place }))
    .nullable(),
  sentiment: z.strictObject({ sentiment: z.number(), label: z.string() }).nullable(),
  readingSeconds: z.int().nonnegative().nullable(),
  fields: z
    .array(
      z.strictObject({
        name: z.string(),
        value: z.string(),
        number: z.number().nullable(),
        confidence: z.number(),
        ...place,
      }),
    )
    .nullable(),
  metadata: z.record(z.string(), z.unknown()),
  truncated: z.string().optional(),
  results: z.record(
    z.string(),
    z.strictObject({
      version: z.string(),
      status: z.enum(['done', 'skipped', 'failed']),
      reason: z.string().min(1).optional(),
      output: z.record(z.string(), z.unknown()).optional(),
      model: z.string().optional(),
      provider: z.string().optional(),
    }),
  ),
  models: z.strictObject({
    embedding: z.strictObject({ model: z.string(), provider: z.string().nullable() }).nullable(),
  }),
});
export type Analysis = z.infer<typeof analysisSchema>;

const span = { start: z.int().nonnegative(), end: z.int().positive() };

export const searchResultSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      file: fileSchema,
      score: z.number(),
      snippet: z.string(),
      highlights: z.array(
        z.strictObject({ ...span, textStart: z.int().nonnegative(), textEnd: z.int().positive() }),
      ),
      match: z.enum(['keyword', 'semantic', 'both', 'name']),
      passage: z.strictObject({ ...span, page: z.int().positive().nullable() }).nullable(),
      citation: z.strictObject({
        versionId: z.string(),
        number: z.int().positive(),
        sha256: z.string().nullable(),
        start: z.int().nullable(),
        end: z.int().nullable(),
        page: z.int().positive().nullable(),
      }),
    }),
  ),
  mode: z.enum(['hybrid', 'keyword', 'semantic']),
  degraded: z.boolean(),
  degradedReason: z.string().optional(),
  freshness: z.enum(['current', 'pending', 'failed', 'gone']).optional(),
  corrected: z.strictObject({ from: z.string(), to: z.string() }).optional(),
  reranked: z.boolean().optional(),
  facets: z.record(z.string(), z.unknown()).optional(),
  providers: z.strictObject({
    embedding: z.array(z.strictObject({ model: z.string(), provider: z.string() })),
    ranking: z.string().nullable(),
  }),
  coverage: z.strictObject({
    indexed: z.int().nonnegative(),
    pending: z.int().nonnegative(),
    failed: z.int().nonnegative(),
    skipped: z.int().nonnegative(),
    reasons: z.array(z.strictObject({ reason: z.string(), count: z.int().positive() })),
  }),
  nextCursor: z.string().nullable(),
});
export type SearchResult = z.infer<typeof searchResultSchema>;
