import { z } from '@hono/zod-openapi';
import { fieldPromptSchema } from '../../../contracts/sidecar.ts';
import { timestampSchema } from '../../../contracts/storage.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { descriptionSchema, driveParamsSchema, pageLimitSchema } from './drives.ts';

/** Of one drive; what the step `fields` takes. */
export const MAX_FIELDS = 100;

const nameSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9_-]{0,49}$/,
    'must be lower-case letters, digits, _ and -, a letter first, at most 50',
  );
export const fieldParamsSchema = driveParamsSchema.extend({ name: nameSchema });
export const fieldsQuerySchema = z.object({ cursor: nameSchema.optional(), limit: pageLimitSchema });
export type FieldsQuery = z.infer<typeof fieldsQuerySchema>;

export const putFieldSchema = z
  .strictObject({
    type: fieldPromptSchema.shape.type,
    /** What is looked for, in a sentence. */
    description: descriptionSchema.default(''),
    /** What the value can be; of the type `choice` only. */
    choices: z
      .array(plainTextSchema.trim().min(1, 'must not be empty').max(100))
      .min(1)
      .max(100)
      .transform((choices) => [...new Set(choices)])
      .optional(),
  })
  .refine(
    ({ type, choices }) => (type === 'choice') === (choices !== undefined),
    'a choice has choices, and nothing else has',
  )
  .openapi('PutField');
export type PutField = z.infer<typeof putFieldSchema>;

export const fieldSchema = z
  .object({
    name: z.string(),
    type: fieldPromptSchema.shape.type,
    description: z.string(),
    choices: z.array(z.string()).optional(),
    createdAt: timestampSchema,
  })
  .openapi('Field');
export type Field = z.infer<typeof fieldSchema>;
export const fieldPageSchema = z.object({ items: z.array(fieldSchema), nextCursor: z.string().nullable() });
