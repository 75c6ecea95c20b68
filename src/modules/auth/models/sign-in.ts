import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { userSchema } from './users.ts';

/** Longest password in code points; the policy says the shortest (models/policies.ts), never below 8. */
export const PASSWORD_MAX = 128;
export const PASSWORD_MIN = 8;

/** NIST SP 800-63B: length is what counts, no composition rules; any Unicode, compared exactly. */
export const newPasswordSchema = z
  .string()
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .refine((text) => [...text].length >= PASSWORD_MIN, `must have at least ${PASSWORD_MIN} characters`)
  .refine((text) => [...text].length <= PASSWORD_MAX, `must have at most ${PASSWORD_MAX} characters`);
/** Proving a password does not repeat the rules for new ones: an old one may be shorter than today's minimum. */
export const givenPasswordSchema = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');
/** ASCII only, no quoted local part: no look-alike letters, no control characters, nothing that could break a header. */
export const emailSchema = z.email('must be an e-mail address').max(254);
export const personNameSchema = plainTextSchema.trim().min(1).max(100);

export const registerSchema = z
  .strictObject({
    email: emailSchema,
    password: newPasswordSchema,
    name: personNameSchema.optional(),
    /** From the e-mail of an invitation, where registration is by invitation. */
    invitationToken: z.string().min(1).max(512).optional(),
  })
  .openapi('Register');

/** The same answer for every address, whether it has an account or not. */
export const verificationSentSchema = z
  .object({ status: z.literal('verification_sent') })
  .openapi('VerificationSent');

export const loginSchema = z
  .strictObject({ email: emailSchema, password: givenPasswordSchema })
  .openapi('Login');

export const refreshSchema = z
  .strictObject({
    /** Left out when it is in the cookie. */
    refreshToken: z.string().min(1).max(512).optional(),
  })
  .openapi('Refresh');

export const tokensSchema = z
  .object({
    user: userSchema,
    /** Left out, like the refresh token, when they are in cookies. */
    accessToken: z.string().optional(),
    refreshToken: z.string().optional(),
    tokenType: z.literal('Bearer'),
    /** Seconds until the access token expires. */
    expiresIn: z.int().positive(),
  })
  .openapi('Tokens');

/** What a service hands out; how it travels (body or cookies) is decided in api/tokens.ts. */
export interface Tokens {
  readonly user: z.infer<typeof userSchema>;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  /** Seconds until the session ends if it is not refreshed. */
  readonly refreshExpiresIn: number;
}

export const mfaChallengeSchema = z
  .object({
    /** Goes with the second factor to POST /v1/auth/mfa/verify. */
    mfaToken: z.string(),
    methods: z.array(z.enum(['totp', 'passkey', 'recovery'])),
    expiresIn: z.int().positive(),
  })
  .openapi('MfaChallenge');
export type MfaChallenge = z.infer<typeof mfaChallengeSchema>;

/** A sign-in is done, or waits for a second factor. */
export type SignInOutcome =
  | { readonly done: true; readonly tokens: Tokens }
  | { readonly done: false; readonly challenge: MfaChallenge };
