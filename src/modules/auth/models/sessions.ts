import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { givenPasswordSchema } from './sign-in.ts';

export const sessionIdSchema = z.string().regex(idPattern('ses'), 'must be a session id, ses_…');

export const sessionSchema = z
  .object({
    id: sessionIdSchema,
    /** The one that asks. */
    current: z.boolean(),
    /** As far as the client tells: `Firefox on Linux`. */
    device: z.string().nullable(),
    userAgent: z.string().nullable(),
    /** Of the last use, where the edge knows it: `Bern, CH`. */
    place: z.string().nullable(),
    /** Of the last use: a /24 or /48. */
    network: z.string().nullable(),
    /** RFC 8176 names of how it was signed in. */
    methods: z.array(z.string()),
    /** The OAuth client that it was granted to. */
    client: z.string().nullable(),
    createdAt: z.iso.datetime(),
    /** Opened, or refreshed. */
    lastUsedAt: z.iso.datetime(),
    /** When it ends if it is not used again. */
    expiresAt: z.iso.datetime(),
  })
  .openapi('Session');
export type Session = z.infer<typeof sessionSchema>;

export const sessionPageSchema = z
  .object({ items: z.array(sessionSchema), nextCursor: z.string().nullable() })
  .openapi('SessionPage');
export type SessionPage = z.infer<typeof sessionPageSchema>;

export const sessionPageQuerySchema = z.strictObject({
  cursor: sessionIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** Says that the others are meant, so that no slip ends the session that asks. */
export const revokeOthersQuerySchema = z.strictObject({ except: z.literal('current') });

export const stepUpSchema = z
  .union([
    z.strictObject({ password: givenPasswordSchema }),
    /** Of the second factor. */
    z.strictObject({ code: z.string().regex(/^\d{6}$/, 'must be the 6 digits of the authenticator') }),
  ])
  .openapi('StepUp');
