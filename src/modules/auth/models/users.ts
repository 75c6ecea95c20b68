import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';

export const userIdSchema = z.string().regex(idPattern('usr'), 'must be a user id, usr_…');

/** A person or service account as they see themselves. */
export const userSchema = z
  .object({
    id: userIdSchema,
    kind: z.enum(['person', 'service']),
    /** Null for service accounts. */
    email: z.string().nullable(),
    emailVerified: z.boolean(),
    name: z.string().nullable(),
    /** Role in the deployment. */
    role: z.string(),
    createdAt: z.iso.datetime(),
  })
  .openapi('User');
export type User = z.infer<typeof userSchema>;
