import { z } from '@hono/zod-openapi';
import { driveIdSchema, fileIdSchema, timestampSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { conflictSchema } from './files.ts';
import { nameSchema } from './names.ts';

const MIB = 1024 * 1024;
const MAX_PARTS = 10_000;

export const uploadIdSchema = z.string().regex(idPattern('upl'), 'must be an upload id, upl_…');
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 digits of lower-case hex');
export const uploadParamsSchema = z.object({ id: uploadIdSchema });
const partNumber = z.int().min(1).max(MAX_PARTS);

export const createUploadSchema = z
  .strictObject({
    /** Required but for a new version of a file, which keeps its name. */
    name: nameSchema.optional(),
    parentId: fileIdSchema.nullable().optional(),
    driveId: driveIdSchema.optional(),
    /** A new version of this file. */
    fileId: fileIdSchema.optional(),
    /** Entity tag, with its quotes, that the content of the file has to have still. */
    ifMatch: z.string().max(200).optional(),
    /** Bytes. */
    size: z.int().nonnegative(),
    contentType: z.string().max(200).optional(),
    sha256: sha256Schema.optional(),
    conflict: conflictSchema.default('fail'),
    partBytes: z
      .int()
      .min(5 * MIB)
      .max(5 * 1024 * MIB)
      .optional(),
  })
  .refine(({ name, fileId }) => (name === undefined) !== (fileId === undefined), {
    message: 'give either a name or a fileId',
    path: ['name'],
  })
  .refine(({ fileId, parentId, driveId }) => !fileId || (!parentId && !driveId), {
    message: 'a new version is where its file is',
    path: ['fileId'],
  })
  .refine(({ ifMatch, fileId }) => ifMatch === undefined || fileId !== undefined, {
    message: 'goes with a fileId',
    path: ['ifMatch'],
  })
  .openapi('CreateUpload');

export const uploadStatusSchema = z
  .object({
    id: uploadIdSchema,
    door: z.enum(['multipart', 'tus']),
    state: z.enum(['active', 'completed']),
    name: z.string(),
    driveId: driveIdSchema,
    parentId: fileIdSchema.nullable(),
    /** The file that it is a new version of, or became. */
    fileId: fileIdSchema.nullable(),
    /** Bytes; null while a TUS client has not said it. */
    size: z.int().nonnegative().nullable(),
    contentType: z.string(),
    /** Of every part but the last. */
    partBytes: z.int().nullable(),
    /** 0 for an empty file: nothing has to be sent. */
    partCount: z.int().nonnegative().nullable(),
    received: z.object({
      bytes: z.int().nonnegative(),
      /** Numbers of parts, each from the first to the second. */
      parts: z.array(z.tuple([z.int(), z.int()])),
    }),
    createdAt: timestampSchema,
    /** It can be gone on with until then; once completed, asked about. */
    expiresAt: timestampSchema,
  })
  .openapi('Upload');
export type UploadStatus = z.infer<typeof uploadStatusSchema>;

export const uploadPageSchema = z.object({
  items: z.array(uploadStatusSchema.omit({ received: true })),
  nextCursor: z.string().nullable(),
});
export const uploadsQuerySchema = z.object({
  cursor: uploadIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const partNumbersSchema = z
  .union([
    z.strictObject({ numbers: z.array(partNumber).min(1).max(100) }),
    z.strictObject({ first: partNumber, count: z.int().min(1).max(100) }),
  ])
  .transform((wanted) =>
    'numbers' in wanted
      ? [...new Set(wanted.numbers)]
      : Array.from({ length: wanted.count }, (_, index) => wanted.first + index),
  );
export const partUrlSchema = z.object({ number: z.int(), size: z.int().positive(), url: z.url() });
export type PartUrl = z.infer<typeof partUrlSchema>;
/** Each is PUT with a body of exactly `size` bytes. */
export const partUrlsSchema = z.object({ items: z.array(partUrlSchema), expiresAt: timestampSchema });

export const partsQuerySchema = z.object({
  cursor: z.coerce.number().int().min(1).max(MAX_PARTS).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const partPageSchema = z.object({
  items: z.array(z.object({ number: z.int(), etag: z.string(), size: z.int().nonnegative() })),
  nextCursor: z.string().nullable(),
});

export const completeUploadSchema = z
  .strictObject({
    /** All of them, ascending; else those that the store has. */
    parts: z
      .array(z.strictObject({ number: partNumber, etag: z.string().min(1).max(200) }))
      .max(MAX_PARTS)
      .optional(),
    sha256: sha256Schema.optional(),
  })
  .openapi('CompleteUpload');
