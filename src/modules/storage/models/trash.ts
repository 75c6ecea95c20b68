import { z } from '@hono/zod-openapi';
import { driveIdSchema } from '../../../contracts/storage.ts';

/** `{milliseconds since 1970}.{file id}` of the last entry of a page. */
const cursorSchema = z
  .string()
  .regex(/^\d{1,14}\.file_[0-9a-f]{32}$/, 'must be a cursor')
  .transform((cursor) => {
    const [trashedAt = '', fileId = ''] = cursor.split('.');
    return { trashedAt: new Date(Number(trashedAt)), fileId };
  });

export const trashQuerySchema = z.object({
  /** One's own unless told. */
  driveId: driveIdSchema.optional(),
  cursor: cursorSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const emptyTrashQuerySchema = z.object({ driveId: driveIdSchema.optional() });

export const restoreFileSchema = z
  .strictObject({
    /** What to do when there is something of this name by now. */
    conflict: z.enum(['rename', 'fail']).default('rename'),
  })
  .openapi('RestoreFile');

export const trashLeftSchema = z
  .object({
    /** Entries that are still in the trash: none, unless there were very many. Then call again. */
    left: z.int().nonnegative(),
  })
  .openapi('TrashLeft');
