import { z } from '@hono/zod-openapi';
import { idPattern } from '../../core/database/columns.ts';
import { plainTextSchema } from '../../core/http/plain-text.ts';

/** NIST SP 800-63B: length is what counts, no composition rules; any Unicode, compared exactly. */
const passwordSchema = z
  .string()
  .min(8, 'must have at least 8 characters')
  .max(128, 'must have at most 128 characters');
const emailSchema = z.email('must be an e-mail address').max(254);

export const registerSchema = z
  .strictObject({
    email: emailSchema,
    password: passwordSchema,
    name: plainTextSchema.trim().min(1).max(100).optional(),
  })
  .openapi('Register');

/** Logging in does not repeat the rules for new passwords: an old one may be shorter than today's minimum. */
export const loginSchema = z
  .strictObject({ email: emailSchema, password: z.string().min(1).max(1024) })
  .openapi('Login');

export const refreshSchema = z.strictObject({ refreshToken: z.string().min(1).max(512) }).openapi('Refresh');

export const userSchema = z
  .object({
    id: z.string().regex(idPattern('usr')),
    email: z.string(),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('User');
export type User = z.infer<typeof userSchema>;

export const tokensSchema = z
  .object({
    user: userSchema,
    accessToken: z.string(),
    refreshToken: z.string(),
    tokenType: z.literal('Bearer'),
    /** Seconds until the access token expires. */
    expiresIn: z.int().positive(),
  })
  .openapi('Tokens');
export type Tokens = z.infer<typeof tokensSchema>;

/** A JSON Web Key Set with private Ed25519 keys; the first one signs, all of them are published. */
export const signingKeysSchema = z.object({
  keys: z
    .array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string().min(1),
        d: z.string().min(1),
        kid: z.string().min(1),
      }),
    )
    .min(1),
});
export type SigningKeys = z.infer<typeof signingKeysSchema>;
