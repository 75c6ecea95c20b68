import { z } from '@hono/zod-openapi';
import {
  driveIdSchema,
  fileIdSchema,
  tagSchema,
  timestampSchema,
  versionIdSchema,
} from '../../../contracts/storage.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { MAX_TAGS, metadataKeySchema, metadataValueSchema, nameSchema } from './names.ts';

/** What the column holds. */
const MAX_VERSIONS = 2 ** 31 - 1;

const MAX_CURSOR_LENGTH = 2_000;
const MAX_PATH_LENGTH = 16_384;

export const conflictSchema = z.enum(['fail', 'rename', 'replace']);

export const uploadQuerySchema = z.object({
  /** Required unless the body is multipart and its file part has a name. */
  name: nameSchema.optional(),
  /** A folder; else the root of the drive, one's own unless told. */
  parentId: fileIdSchema.optional(),
  driveId: driveIdSchema.optional(),
  /** What to do when there is something of this name: refuse, find another name, or write a new version of it. */
  conflict: conflictSchema.default('fail'),
});

export const pageQuerySchema = z.object({
  cursor: fileIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const listQuerySchema = pageQuerySchema.extend({
  /** A folder; else the root of the drive, one's own unless told. */
  parentId: fileIdSchema.optional(),
  driveId: driveIdSchema.optional(),
  sort: z.enum(['created', 'name', 'updated', 'size']).default('created'),
  order: z.enum(['asc', 'desc']).default('asc'),
  kind: z.enum(['file', 'folder']).optional(),
  tag: tagSchema.optional(),
  /** The `nextCursor` of a page of the same sort and order. */
  cursor: z.string().max(MAX_CURSOR_LENGTH).optional(),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

export const pathQuerySchema = z.object({
  /** From the root of the drive: `/folder/name`; case and Unicode composition do not matter. */
  path: plainTextSchema.max(MAX_PATH_LENGTH).regex(/^\/+[^/]/, 'must begin with a slash and name something'),
  driveId: driveIdSchema.optional(),
});

export const fileParamsSchema = z.object({ id: fileIdSchema });
export const versionParamsSchema = z.object({ id: fileIdSchema, versionId: versionIdSchema });

export const createFolderSchema = z
  .strictObject({
    name: nameSchema,
    parentId: fileIdSchema.nullable().optional(),
    driveId: driveIdSchema.optional(),
    /** `replace` gives back the folder of this name, if there is one. */
    conflict: conflictSchema.default('fail'),
  })
  .openapi('CreateFolder');
export type CreateFolder = z.infer<typeof createFolderSchema>;

export const updateFileSchema = z
  .strictObject({
    name: nameSchema.optional(),
    /** Moves it; null is the root of `driveId`, or of the drive it is in. */
    parentId: fileIdSchema.nullable().optional(),
    driveId: driveIdSchema.optional(),
    /** `replace` puts a file of this name into the trash; folders are never replaced. */
    conflict: conflictSchema.default('fail'),
    tags: z
      .array(tagSchema)
      .max(MAX_TAGS)
      .transform((tags) => [...new Set(tags)])
      .optional(),
    /** A merge patch (RFC 7396): null takes a key away, others stay. */
    metadata: z.record(metadataKeySchema, metadataValueSchema.nullable()).optional(),
  })
  .refine(
    ({ conflict: _, ...change }) => Object.values(change).some((value) => value !== undefined),
    'must change something',
  )
  .openapi('UpdateFile');
export type UpdateFile = z.infer<typeof updateFileSchema>;

export const copyFileSchema = z
  .strictObject({
    /** A folder; else the root of the drive, one's own unless told. */
    parentId: fileIdSchema.nullable().optional(),
    driveId: driveIdSchema.optional(),
    /** The same name unless told. */
    name: nameSchema.optional(),
    conflict: conflictSchema.default('fail'),
  })
  .openapi('CopyFile');
export type CopyFile = z.infer<typeof copyFileSchema>;

export const summarySchema = z
  .object({
    files: z.int().nonnegative(),
    folders: z.int().nonnegative(),
    /** Of current versions. */
    bytes: z.int().nonnegative(),
    /** False when there is more than was counted. */
    complete: z.boolean(),
  })
  .openapi('Summary');

export const versionSchema = z
  .object({
    id: versionIdSchema,
    number: z.int().positive(),
    size: z.int().nonnegative(),
    /** Null for a short while after an upload in parts, until somebody has read the bytes. */
    sha256: z.string().nullable(),
    etag: z.string(),
    contentType: z.string(),
    content: z.enum(['live', 'missing', 'corrupt', 'infected']),
    label: z.string().nullable(),
    createdBy: z.string(),
    createdAt: timestampSchema,
    current: z.boolean(),
  })
  .openapi('Version');
export type Version = z.infer<typeof versionSchema>;

export const versionPageSchema = z.object({
  items: z.array(versionSchema),
  nextCursor: z.string().nullable(),
});
export const versionsQuerySchema = z.object({
  cursor: z.coerce.number().int().min(1).max(MAX_VERSIONS).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const eventsQuerySchema = z.object({
  after: z
    .string()
    .regex(/^\d{1,20}:\d{1,19}$/, 'must be a cursor')
    .optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
