import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { pageSizeSchema, userIdSchema } from './grants.ts';

const commentIdSchema = z.string().regex(idPattern('cmt'), 'must be a comment id, cmt_…');
export const MAX_COMMENT_LENGTH = 10_000;

/** Plain text of several lines; what shows it has to escape it. */
export const createCommentSchema = z
  .strictObject({
    text: z
      .string()
      .max(MAX_COMMENT_LENGTH)
      .refine((text) => text.trim() !== '', 'must not be blank')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      .refine((text) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text.replaceAll('\r\n', '\n')), {
        error: 'must not contain control characters',
      })
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode'),
  })
  .openapi('CreateComment');

export const commentSchema = z
  .object({
    id: commentIdSchema,
    fileId: fileIdSchema,
    /** The name is null when the account is gone. */
    author: z.object({ id: userIdSchema, name: z.string().nullable() }),
    text: z.string(),
    createdAt: timestampSchema,
  })
  .openapi('Comment');
export type Comment = z.infer<typeof commentSchema>;

export const commentPageSchema = z.object({
  items: z.array(commentSchema),
  nextCursor: z.string().nullable(),
});
export const commentsQuerySchema = z.object({ cursor: commentIdSchema.optional(), limit: pageSizeSchema });
export const commentParamsSchema = z.object({ id: fileIdSchema, commentId: commentIdSchema });
