import { z } from '@hono/zod-openapi';
import { driveIdSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

export const driveParamsSchema = z.object({ driveId: driveIdSchema });

export const pageLimitSchema = z.coerce.number().int().min(1).max(200).default(50);

/** Some lines for a person, and for the model. */
export const descriptionSchema = z
  .string()
  .trim()
  .max(1_000, 'must have at most 1000 characters')
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed Unicode without NUL');

export const labelIdSchema = z.string().regex(idPattern('lbl'), 'must be a label id, lbl_…');

/** A label of a drive, or a category of the default taxonomy. */
export const labelRefSchema = plainTextSchema.min(1, 'must not be empty').max(100);
