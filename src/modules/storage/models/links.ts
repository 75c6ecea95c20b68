import { z } from '@hono/zod-openapi';
import { fileIdSchema, fileSchema, timestampSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { expirySchema, pageSizeSchema, userIdSchema } from './grants.ts';
import { nameSchema } from './names.ts';

const linkIdSchema = z.string().regex(idPattern('lnk'), 'must be a link id, lnk_…');
/** `view` shows names and previews, `download` the bytes too, `upload` takes files and shows nothing. */
export const linkModeSchema = z.enum(['view', 'download', 'upload']);
export type LinkMode = z.infer<typeof linkModeSchema>;

const passwordSchema = z
  .string()
  .min(4)
  .max(128)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');
const settings = {
  /** For whoever made it; holders do not see it. */
  name: plainTextSchema.min(1).max(200).nullable().optional(),
  password: passwordSchema.nullable().optional(),
  expiresAt: expirySchema.nullable().optional(),
  /** Answers that deliver bytes. */
  maxDownloads: z.int().min(1).max(1_000_000_000).nullable().optional(),
};

export const createLinkSchema = z.strictObject({ mode: linkModeSchema, ...settings }).openapi('CreateLink');
export type LinkSettings = Omit<z.infer<typeof createLinkSchema>, 'mode'>;
export const updateLinkSchema = z
  .strictObject(settings)
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('UpdateLink');

export const linkSchema = z
  .object({
    id: linkIdSchema,
    fileId: fileIdSchema,
    fileName: z.string(),
    mode: linkModeSchema,
    name: z.string().nullable(),
    hasPassword: z.boolean(),
    maxDownloads: z.int().nullable(),
    downloads: z.int(),
    /** Openings, lists, downloads and uploads. */
    uses: z.int(),
    lastUsedAt: timestampSchema.nullable(),
    createdBy: userIdSchema,
    createdAt: timestampSchema,
    expiresAt: timestampSchema.nullable(),
    /** `suspended`: whoever made it may not share this any more. */
    state: z.enum(['active', 'expired', 'used_up', 'suspended']),
  })
  .openapi('Link');
export type Link = z.infer<typeof linkSchema>;

export const newLinkSchema = linkSchema
  .extend({
    /** Shown this once. */
    token: z.string(),
    url: z.url(),
  })
  .openapi('NewLink');

export const linkPageSchema = z.object({ items: z.array(linkSchema), nextCursor: z.string().nullable() });
export const linkParamsSchema = z.object({ linkId: linkIdSchema });
export const linksQuerySchema = z.object({ cursor: linkIdSchema.optional(), limit: pageSizeSchema });

/** Anything: what is no token of a link is an unknown one. */
export const tokenParamsSchema = z.object({ token: z.string() });
export const sharedFileParamsSchema = z.object({ token: z.string(), fileId: fileIdSchema });
const ticket = z.string().max(200).optional();
export const ticketQuerySchema = z.object({ ticket });
export const sharedListQuerySchema = z.object({
  ticket,
  parentId: fileIdSchema.optional(),
  cursor: z.string().max(2_000).optional(),
  limit: pageSizeSchema,
});
export const dropQuerySchema = z.object({ ticket, name: nameSchema.optional() });
export const unlockSchema = z.strictObject({ password: z.string().max(128) }).openapi('UnlockLink');

export const ticketSchema = z
  .object({
    /** Goes into `?ticket=` of the calls that follow. */
    ticket: z.string(),
    expiresAt: timestampSchema,
  })
  .openapi('LinkTicket');

export const linkInfoSchema = z
  .object({
    mode: linkModeSchema,
    needsPassword: z.boolean(),
    /** These are null until the password was given. */
    fileId: fileIdSchema.nullable(),
    name: z.string().nullable(),
    kind: z.enum(['file', 'folder']).nullable(),
    expiresAt: timestampSchema.nullable(),
    /** Null without a limit. */
    downloadsLeft: z.int().nonnegative().nullable(),
  })
  .openapi('LinkInfo');
export type LinkInfo = z.infer<typeof linkInfoSchema>;

/** What a link shows of a file: nothing about whose it is. */
export const sharedFileSchema = fileSchema
  .pick({
    id: true,
    kind: true,
    name: true,
    parentId: true,
    path: true,
    size: true,
    contentType: true,
    etag: true,
    content: true,
    updatedAt: true,
  })
  .openapi('SharedFile');
export type SharedFile = z.infer<typeof sharedFileSchema>;
export const sharedFilePageSchema = z.object({
  items: z.array(sharedFileSchema),
  nextCursor: z.string().nullable(),
});

/** Names and sizes as they were sent: whether there is something of this name stays unsaid. */
export const droppedSchema = z
  .object({ name: z.string(), size: z.int().nonnegative() })
  .openapi('DroppedFile');
export type Dropped = z.infer<typeof droppedSchema>;
