import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema, versionIdSchema } from '../../contracts/storage.ts';
import { plainTextSchema } from '../../core/http/plain-text.ts';

const MAX_NAME_BYTES = 255;
/** What the column holds. */
const MAX_VERSIONS = 2 ** 31 - 1;

/** Names are kept as sent. Refused is what could not be one step of a path. */
export const nameSchema = plainTextSchema
  .min(1, 'must not be empty')
  .refine(
    (name) => new TextEncoder().encode(name).length <= MAX_NAME_BYTES,
    `must have at most ${MAX_NAME_BYTES} bytes in UTF-8`,
  )
  .refine((name) => !/[/\\]/.test(name), 'must not contain a slash or backslash')
  .refine((name) => name !== '.' && name !== '..', 'must not be . or ..')
  .refine((name) => name.trim() !== '', 'must not be blank');

/** Two names are the same name if they differ only in case or in Unicode composition. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}

export const uploadQuerySchema = z.object({
  /** Required unless the body is multipart and its file part has a name. */
  name: nameSchema.optional(),
  parentId: fileIdSchema.optional(),
});

export const listQuerySchema = z.object({
  parentId: fileIdSchema.optional(),
  cursor: fileIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const fileParamsSchema = z.object({ id: fileIdSchema });
export const versionParamsSchema = z.object({ id: fileIdSchema, versionId: versionIdSchema });

export const createFolderSchema = z
  .strictObject({ name: nameSchema, parentId: fileIdSchema.nullable().optional() })
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
    sha256: z.string(),
    contentType: z.string(),
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
