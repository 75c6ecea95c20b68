import { z } from '@hono/zod-openapi';

export const signingKeySchema = z
  .object({
    /** `kid` of its tokens. */
    id: z.string(),
    /** `pending` is published and does not sign yet, `retiring` is published and does not sign any more. */
    state: z.enum(['pending', 'signing', 'retiring', 'retired', 'revoked']),
    createdAt: z.iso.datetime(),
    signsFrom: z.iso.datetime(),
    retiresAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .openapi('SigningKey');

export const signingKeyPageSchema = z
  .object({ items: z.array(signingKeySchema), nextCursor: z.string().nullable() })
  .openapi('SigningKeyPage');
export type SigningKeyPage = z.infer<typeof signingKeyPageSchema>;

export const signingKeyIdSchema = z.uuid();
