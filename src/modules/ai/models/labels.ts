import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema } from '../../../contracts/storage.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import {
  descriptionSchema,
  driveParamsSchema,
  labelIdSchema,
  labelRefSchema,
  pageLimitSchema,
} from './drives.ts';

/** Of one drive; what the classification step takes. */
export const MAX_LABELS = 200;
/** Files that are named as examples in one call, and shown. */
export const MAX_EXAMPLES = 50;

export const labelParamsSchema = driveParamsSchema.extend({ labelId: labelIdSchema });
export const labelsQuerySchema = z.object({ cursor: labelIdSchema.optional(), limit: pageLimitSchema });
export type LabelsQuery = z.infer<typeof labelsQuerySchema>;

const nameSchema = plainTextSchema
  .trim()
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters');

const examplesSchema = z
  .array(fileIdSchema)
  .max(MAX_EXAMPLES)
  .transform((ids) => [...new Set(ids)]);

export const createLabelSchema = z
  .strictObject({
    /** No two labels of a drive have the same, upper and lower case alike. */
    name: nameSchema,
    /** What such documents are, in a sentence or two: what a document without examples is compared with. */
    description: descriptionSchema.default(''),
    /** Files of the drive that the label is right for. */
    examples: examplesSchema.default([]),
  })
  .openapi('CreateLabel');
export type CreateLabel = z.infer<typeof createLabelSchema>;

export const updateLabelSchema = z
  .strictObject({
    name: nameSchema.optional(),
    description: descriptionSchema.optional(),
    /** From now on these are right, and of the files that the caller sees no others. */
    examples: examplesSchema.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('UpdateLabel');
export type UpdateLabel = z.infer<typeof updateLabelSchema>;

export const labelSchema = z
  .object({
    id: labelIdSchema,
    name: z.string(),
    description: z.string(),
    /** Of the files that the caller sees those that the label is right for, the latest 50. */
    examples: z.array(fileIdSchema),
    /** Of the files that the caller sees, so many are said to be right, and so many wrong. */
    right: z.int().nonnegative(),
    wrong: z.int().nonnegative(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .openapi('Label');
export type Label = z.infer<typeof labelSchema>;
export const labelPageSchema = z.object({ items: z.array(labelSchema), nextCursor: z.string().nullable() });

export const categoryParamsSchema = z.object({ id: fileIdSchema, label: labelRefSchema });
export const correctionSchema = z.strictObject({ correct: z.boolean() }).openapi('Correction');

export const categorySchema = z
  .object({
    /** A label's id, or a category of the default taxonomy. */
    label: z.string(),
    name: z.string(),
    /** 0 to 1, calibrated; 1 for what a person has said. */
    score: z.number(),
    /** A person has said so. */
    corrected: z.boolean(),
  })
  .openapi('Category');
export type Category = z.infer<typeof categorySchema>;
/** The best first. */
export const categoriesSchema = z.object({ categories: z.array(categorySchema) });
