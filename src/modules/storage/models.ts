import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema, versionIdSchema } from '../../contracts/storage.ts';

const MAX_NAME_BYTES = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Names are kept as sent. Refused is what cannot be a name on every system that may get the file. */
export const nameSchema = z
  .string()
  .min(1, 'must not be empty')
  .refine(
    (name) => new TextEncoder().encode(name).length <= MAX_NAME_BYTES,
    `must have at most ${MAX_NAME_BYTES} bytes in UTF-8`,
  )
  .refine((name) => !/[/\\]/.test(name), 'must not contain a slash or backslash')
  .refine((name) => !CONTROL.test(name), 'must not contain control characters')
  .refine((name) => name !== '.' && name !== '..', 'must not be . or ..')
  .refine((name) => name.trim() !== '', 'must not be blank')
  .refine((name) => name.isWellFormed(), 'must be well-formed Unicode');

/** Two names are the same name if they differ only in case or in Unicode composition. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toLowerCase();
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
  cursor: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const eventsQuerySchema = z.object({
  after: z
    .string()
    .regex(/^\d{1,20}:\d{1,19}$/, 'must be a cursor')
    .optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
