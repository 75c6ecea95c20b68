import { z } from '@hono/zod-openapi';
import { emailSchema, givenPasswordSchema, newPasswordSchema, personNameSchema } from './sign-in.ts';
import { userSchema } from './users.ts';

/** Of a link in an e-mail, where it stands behind `#token=`. */
const tokenSchema = z.string().min(1).max(512);

export const profileChangeSchema = z
  .strictObject({ name: personNameSchema.nullable() })
  .openapi('ProfileChange');

export const emailTokenSchema = z.strictObject({ token: tokenSchema }).openapi('EmailToken');

export const emailChangeSchema = z.strictObject({ newEmail: emailSchema }).openapi('EmailChange');

export const passwordChangeSchema = z
  .strictObject({ currentPassword: givenPasswordSchema, newPassword: newPasswordSchema })
  .openapi('PasswordChange');

export const passwordForgottenSchema = z.strictObject({ email: emailSchema }).openapi('PasswordForgotten');

export const resetRequestedSchema = z.object({ status: z.literal('reset_sent') }).openapi('ResetRequested');

export const passwordResetSchema = z
  .strictObject({ token: tokenSchema, newPassword: newPasswordSchema })
  .openapi('PasswordReset');

export const accountDeletionSchema = z
  .strictObject({
    /** Checked when it is there; the recent proof of identity is asked for in any case. */
    password: givenPasswordSchema.optional(),
  })
  .openapi('AccountDeletion');

const recordsSchema = z.array(z.record(z.string(), z.unknown()));

/** Everything the module holds about a person; hashes, sealed secrets and keys are left out. Times are ISO 8601 UTC. */
export const accountExportSchema = z
  .object({
    exportedAt: z.iso.datetime(),
    user: userSchema,
    hasPassword: z.boolean(),
    passwordChangedAt: z.iso.datetime().nullable(),
    sessions: recordsSchema,
    apiKeys: recordsSchema,
    passkeys: recordsSchema,
    /** Authenticator app and recovery codes: whether they are there, never what they are. */
    secondFactors: recordsSchema,
    identities: recordsSchema,
    workspaces: recordsSchema,
    groups: recordsSchema,
    /** What the person did, the newest first, 10,000 entries at most. */
    auditEntries: recordsSchema,
  })
  .openapi('AccountExport');
export type AccountExport = z.infer<typeof accountExportSchema>;
