import { z } from '@hono/zod-openapi';
import { timestampSchema } from '../../../contracts/storage.ts';

const keySchema = z.string().min(1).max(1_024);
const objectIdSchema = z.string().nullable();

export const fsckRequestSchema = z
  .strictObject({
    /** Reads all bytes, rather than asking for their sizes. */
    deep: z.boolean().default(false),
    repair: z.boolean().default(false),
    cursor: keySchema.optional(),
  })
  .openapi('FsckRequest');

export const fsckStepSchema = z
  .object({
    findings: z.array(
      z.object({
        kind: z.enum(['missing', 'corrupt', 'orphan', 'mislinked']),
        key: z.string(),
        objectId: objectIdSchema,
        detail: z.string(),
      }),
    ),
    /** Keys that were looked at. */
    checked: z.int().nonnegative(),
    /** Objects that are served again. */
    repaired: z.int().nonnegative(),
    quarantined: z.int().nonnegative(),
    /** Orphans that are being deleted. */
    deleted: z.int().nonnegative(),
    nextCursor: z.string().nullable(),
  })
  .openapi('FsckStep');

export const findingsQuerySchema = z.object({
  cursor: keySchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const findingPageSchema = z
  .object({
    items: z.array(
      z.object({
        kind: z.enum(['orphan', 'missing', 'corrupt', 'infected']),
        key: z.string(),
        objectId: objectIdSchema,
        reason: z.string().nullable(),
        size: z.int().nonnegative(),
        since: timestampSchema,
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('StorageFindings');
