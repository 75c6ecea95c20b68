import { z } from 'zod';

/** What a client posts; fields as in Resend's POST /emails, as far as they are used here. */
export const mailSchema = z.object({
  from: z.string().min(1),
  to: z.union([z.string(), z.array(z.string()).min(1).max(50)]).transform((to) => [to].flat()),
  subject: z.string().min(1),
  text: z.string(),
  html: z.string().optional(),
});

export const storedMailSchema = mailSchema.extend({
  id: z.string(),
  receivedAt: z.iso.datetime(),
  /** Null: the client sent none. */
  idempotencyKey: z.string().nullable(),
});
export type StoredMail = z.output<typeof storedMailSchema>;
