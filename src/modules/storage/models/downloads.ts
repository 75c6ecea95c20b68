import { z } from '@hono/zod-openapi';

export const downloadQuerySchema = z.object({
  /** `inline`: to be shown in the browser, for pictures, sound, films and plain text; other kinds stay downloads. */
  disposition: z.enum(['attachment', 'inline']).default('attachment'),
  /** To fetch the bytes from the store itself, where that is possible. */
  redirect: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});

export const thumbnailQuerySchema = z.object({
  /** Pixels: of the square that it fits into. */
  width: z
    .enum(['64', '256', '1024'])
    .default('256')
    .transform((value) => (value === '64' ? 64 : value === '256' ? 256 : 1_024)),
});
