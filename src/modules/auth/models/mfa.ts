import { z } from '@hono/zod-openapi';
import { authenticationResponseSchema } from './passkeys.ts';

/** What authenticator apps and passkey dialogs show as the name of the account's place. */
export const PRODUCT_NAME = 'AI Cloud Storage';
/** An enrolment has to be confirmed, and a sign-in to be finished, within this time. */
export const TOTP_ENROLMENT_SECONDS = 600;
export const MFA_TOKEN_SECONDS = 300;
/** Tries for a second factor in one sign-in. */
export const MFA_ATTEMPTS = 5;
export const RECOVERY_CODES = 10;

export const totpCodeSchema = z.string().regex(/^[0-9]{6}$/, 'must be six digits');
/** As it is printed or with other spacing and case; what it says is compared by the service. */
const recoveryCodeSchema = z.string().min(1).max(64);
const mfaTokenSchema = z.string().min(1).max(128);

export const mfaStatusSchema = z
  .object({
    totp: z.object({ enabled: z.boolean(), createdAt: z.iso.datetime().nullable() }),
    passkeys: z.int(),
    recoveryCodesLeft: z.int(),
    /** A policy asks for a second factor; the last one cannot be removed. */
    requiredByPolicy: z.boolean(),
  })
  .openapi('MfaStatus');
export type MfaStatus = z.infer<typeof mfaStatusSchema>;

export const totpEnrolmentSchema = z
  .object({
    /** Base32, to type in where a QR code cannot be read. */
    secret: z.string(),
    otpauthUri: z.string(),
  })
  .openapi('TotpEnrolment');

export const confirmTotpSchema = z.strictObject({ code: totpCodeSchema }).openapi('ConfirmTotp');

export const recoveryCodesSchema = z
  .object({
    /** Shown once; each stands in for the second factor once. All earlier ones are void. */
    recoveryCodes: z.array(z.string()),
  })
  .openapi('RecoveryCodes');

export const passkeyChallengeSchema = z
  .strictObject({ mfaToken: mfaTokenSchema })
  .openapi('PasskeyChallenge');

export const verifyMfaSchema = z
  .union([
    z.strictObject({ mfaToken: mfaTokenSchema, code: totpCodeSchema }),
    z.strictObject({ mfaToken: mfaTokenSchema, recoveryCode: recoveryCodeSchema }),
    z.strictObject({ mfaToken: mfaTokenSchema, passkey: authenticationResponseSchema }),
  ])
  .openapi('VerifyMfa');
export type VerifyMfa = z.infer<typeof verifyMfaSchema>;
