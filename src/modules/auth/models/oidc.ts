import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

const providerIdSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'must be a short name like google');
const challengeSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be an S256 challenge (RFC 7636)');
/** A token of the kind that `OneTimeTokens.issue` makes. */
const oneTimeSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be the token as it was given');

export const providerParamsSchema = z.object({ provider: providerIdSchema });

export const providerListSchema = z
  .object({ items: z.array(z.object({ id: z.string(), name: z.string() })) })
  .openapi('IdentityProviders');

export const oidcStartSchema = z
  .strictObject({
    /** Where the browser goes at the end: an address of our own origin, or one of OIDC_RETURN_URLS. */
    returnTo: z.url().max(500),
    /** BASE64URL(SHA-256(verifier)): only who knows the verifier can exchange the code that comes back. */
    challenge: challengeSchema,
    /** Asks to sign in at the provider again: for calls that want a recent proof of identity. */
    reauthenticate: z.boolean().default(false),
  })
  .openapi('OidcStart');

export const oidcStartedSchema = z.object({ authorizationUrl: z.url() }).openapi('OidcStarted');

export const oidcCallbackSchema = z.looseObject({ state: z.string().min(1).max(200) });

export const oidcExchangeSchema = z
  .strictObject({ code: oneTimeSchema, verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/) })
  .openapi('OidcExchange');

export const oidcLinkConfirmSchema = z.strictObject({ token: oneTimeSchema }).openapi('OidcLinkConfirm');

export const identitySchema = z
  .object({
    provider: z.string(),
    email: z.string().nullable(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .openapi('Identity');
export const identityListSchema = z.object({ items: z.array(identitySchema) }).openapi('Identities');
export type Identity = z.infer<typeof identitySchema>;

export const saveProviderSchema = z
  .strictObject({
    name: plainTextSchema.trim().min(1).max(60),
    /** Exactly as the provider writes it in its metadata. Fixed once set: identities belong to it. */
    issuer: z.url({ protocol: /^https?$/ }).max(300),
    clientId: z.string().min(1).max(300),
    /** Left out: a public client, or the secret that is there already. */
    clientSecret: z.string().min(1).max(500).optional(),
    scopes: z
      .string()
      .regex(/^openid( [\x21\x23-\x5B\x5D-\x7E]+)*$/, 'must begin with openid')
      .default('openid email profile'),
    allowsSignUp: z.boolean().default(true),
    enabled: z.boolean().default(true),
  })
  .openapi('SaveIdentityProvider');
export type SaveProvider = z.infer<typeof saveProviderSchema>;

export const adminProviderSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    issuer: z.string(),
    clientId: z.string(),
    hasSecret: z.boolean(),
    scopes: z.string(),
    allowsSignUp: z.boolean(),
    enabled: z.boolean(),
  })
  .openapi('AdminIdentityProvider');
export type AdminProvider = z.infer<typeof adminProviderSchema>;
export const adminProviderListSchema = z.object({ items: z.array(adminProviderSchema) });

/** What the service keeps about a flow between its steps (`one_time_tokens.data`). */
export const oidcFlowSchema = z.object({
  provider: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
  challenge: z.string(),
});
export const oidcLinkSchema = z.object({
  provider: z.string(),
  subject: z.string(),
  email: z.string().nullable(),
});
/** With an identity: to be linked to the user who began. */
export const oidcHandoffSchema = z.object({
  challenge: z.string(),
  identity: oidcLinkSchema.optional(),
  /** Milliseconds since the epoch. */
  authenticatedAt: z.number().nullable(),
});
