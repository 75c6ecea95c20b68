import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

const MAX_LABEL_LENGTH = 100;

export const updateVersionSchema = z
  .strictObject({
    /** Null takes it away. */
    label: plainTextSchema
      .min(1, 'must not be empty')
      .max(MAX_LABEL_LENGTH)
      .refine((label) => label.trim() !== '', 'must not be blank')
      .nullable(),
  })
  .openapi('UpdateVersion');
