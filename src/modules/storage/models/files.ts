import { z } from '@hono/zod-openapi';
import { driveIdSchema, fileIdSchema, timestampSchema, versionIdSchema } from '../../../contracts/storage.ts';
import { nameSchema } from './names.ts';

/** What the column holds. */
const MAX_VERSIONS = 2 ** 31 - 1;

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

export const listQuerySchema = z.object({
  parentId: fileIdSchema.optional(),
  driveId: driveIdSchema.optional(),
  cursor: fileIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const fileParamsSchema = z.object({ id: fileIdSchema });
export const versionParamsSchema = z.object({ id: fileIdSchema, versionId: versionIdSchema });

export const createFolderSchema = z
  .strictObject({
    name: nameSchema,
    parentId: fileIdSchema.nullable().optional(),
    driveId: driveIdSchema.optional(),
  })
  .openapi('CreateFolder');

export const updateFileSchema = z
  .strictObject({ name: nameSchema.optional(), parentId: fileIdSchema.nullable().optional() })
  .refine(
    (change) => change.name !== undefined || change.parentId !== undefined,
    'must change name or parentId',
  )
  .openapi('UpdateFile');

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
