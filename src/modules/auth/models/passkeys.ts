import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

export const PASSKEY_CHALLENGE_SECONDS = 300;
export const MAX_PASSKEYS = 20;

export const passkeyIdSchema = z.string().regex(idPattern('pky'), 'must be a passkey id, pky_…');
export const passkeyNameSchema = plainTextSchema.trim().min(1).max(100);
const challengeTokenSchema = z.string().min(1).max(128);

const base64url = (max: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url')
    .max(max);
/** 1023 bytes at most (WebAuthn level 3, 5.8.3). */
const credentialIdSchema = base64url(1_364);

/**
 * What a browser makes of `credential.toJSON()` (WebAuthn level 3, 5.1). Members that we have no use for are left
 * out rather than refused: browsers add new ones.
 */
export const registrationResponseSchema = z
  .object({
    id: credentialIdSchema,
    rawId: credentialIdSchema,
    type: z.literal('public-key'),
    response: z.object({
      clientDataJSON: base64url(8_192),
      attestationObject: base64url(32_768),
      transports: z
        .array(z.string().regex(/^[a-z-]{1,32}$/))
        .max(10)
        .optional(),
    }),
  })
  .openapi('RegistrationResponseJSON');
export type RegistrationResponse = z.infer<typeof registrationResponseSchema>;

export const authenticationResponseSchema = z
  .object({
    id: credentialIdSchema,
    rawId: credentialIdSchema,
    type: z.literal('public-key'),
    response: z.object({
      clientDataJSON: base64url(8_192),
      authenticatorData: base64url(8_192),
      signature: base64url(8_192),
      userHandle: base64url(128).nullish(),
    }),
  })
  .openapi('AuthenticationResponseJSON');
export type AuthenticationResponse = z.infer<typeof authenticationResponseSchema>;

/** For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`. */
export const webAuthnOptionsSchema = z.looseObject({ challenge: z.string() }).openapi('WebAuthnOptions');

export const passkeyOptionsSchema = z
  .object({
    /** Goes back with the browser's answer, once. */
    token: z.string(),
    options: webAuthnOptionsSchema,
    expiresIn: z.int().positive(),
  })
  .openapi('PasskeyOptions');
export type PasskeyOptions = z.infer<typeof passkeyOptionsSchema>;

export const addPasskeySchema = z
  .strictObject({
    token: challengeTokenSchema,
    name: passkeyNameSchema,
    response: registrationResponseSchema,
  })
  .openapi('AddPasskey');

export const renamePasskeySchema = z.strictObject({ name: passkeyNameSchema }).openapi('RenamePasskey');

export const passkeySignInSchema = z
  .strictObject({ token: challengeTokenSchema, response: authenticationResponseSchema })
  .openapi('PasskeySignIn');

export const passkeySchema = z
  .object({
    id: passkeyIdSchema,
    name: z.string(),
    /** Kept by a password manager or cloud account, so that it outlives the device. */
    backedUp: z.boolean(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .openapi('Passkey');
export type Passkey = z.infer<typeof passkeySchema>;

/** MAX_PASSKEYS are one page. */
export const passkeyPageSchema = z
  .object({ items: z.array(passkeySchema), nextCursor: z.null() })
  .openapi('PasskeyPage');
