import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import type { Permission } from '../../../core/security/permissions.ts';
import { redirectUriSchema } from './oauth-redirects.ts';
import { pageQuerySchema, pageSchema } from './pages.ts';

/** Everything that a client can be granted, in words for the person who is asked; never more than the person may. */
export const OAUTH_SCOPES = {
  'account:read': 'See your account: name, e-mail address, role, sessions, keys and what you did lately',
  'files:read': 'Read every file that you can read',
  'files:write': 'Upload, change, share and delete files in your name',
  'search:read': 'Search your files',
  'workspaces:read': 'See your workspaces, their members, and whatever else you may see there',
} as const satisfies Partial<Record<Permission, string>>;
export type OauthScope = keyof typeof OAUTH_SCOPES;

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const OAUTH_GRANT_TYPES = ['authorization_code', 'refresh_token', DEVICE_GRANT] as const;
export type OauthGrantType = (typeof OAUTH_GRANT_TYPES)[number];
export const CLIENT_AUTHENTICATION = ['none', 'client_secret_basic', 'client_secret_post'] as const;

export function isOauthScope(text: string): text is OauthScope {
  return Object.hasOwn(OAUTH_SCOPES, text);
}

/** For the page: what a scope means. */
export function scopeInWords(scope: string): string {
  return isOauthScope(scope) ? OAUTH_SCOPES[scope] : scope;
}

/** RFC 6749 3.3: names with single spaces between them. Undefined when one of them does not exist. */
export function parseScopes(text: string): OauthScope[] | undefined {
  const names = text.split(' ').filter((name) => name !== '');
  const scopes = [...new Set(names)].filter(isOauthScope);
  return names.length > 0 && scopes.length === new Set(names).size ? scopes : undefined;
}

const scopeSchema = z
  .string()
  .max(500)
  .transform((text, context) => {
    const scopes = parseScopes(text);
    if (scopes) return scopes;
    context.addIssue(`must be of ${Object.keys(OAUTH_SCOPES).join(', ')}`);
    return z.NEVER;
  });

/** What stands on the consent page must not be able to rewrite it: no control or invisible formatting characters. */
const clientNameSchema = plainTextSchema
  .refine((text) => !/\p{Cf}/u.test(text), 'must not contain invisible characters')
  .trim()
  .min(1)
  .max(100);

/**
 * RFC 7591 2. Metadata that is not listed here is ignored, as the RFC demands; nothing that a client gives is fetched.
 * Without `scope` the client may later ask for any; the person decides.
 */
export const clientMetadataSchema = z
  .object({
    client_name: clientNameSchema.default('Unnamed program'),
    redirect_uris: z.array(redirectUriSchema).max(10).default([]),
    grant_types: z.array(z.enum(OAUTH_GRANT_TYPES)).min(1).max(10).default(['authorization_code']),
    response_types: z.array(z.literal('code')).max(5).optional(),
    token_endpoint_auth_method: z.enum(CLIENT_AUTHENTICATION).default('client_secret_basic'),
    scope: scopeSchema.optional(),
  })
  .refine(
    ({ grant_types, redirect_uris }) =>
      !grant_types.includes('authorization_code') || redirect_uris.length > 0,
    { path: ['redirect_uris'], message: 'must name at least one address for authorization_code' },
  );
export type ClientMetadata = z.output<typeof clientMetadataSchema>;

/** RFC 7591 3.2.1. */
export interface ClientRegistration {
  readonly client_id: string;
  readonly client_id_issued_at: number;
  /** Shown this once; left out for public clients. */
  readonly client_secret?: string;
  /** 0: never. */
  readonly client_secret_expires_at?: 0;
  readonly client_name: string;
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly token_endpoint_auth_method: string;
  readonly scope: string;
}

/** RFC 6749 5.1. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  /** Seconds. */
  readonly expires_in: number;
  readonly refresh_token?: string;
  readonly scope: string;
}

/** RFC 8628 3.2; times in seconds. */
export interface DeviceAnswer {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
}

const clientIdSchema = z.string().regex(idPattern('cli'), 'must be a client id, cli_…');
export const oauthClientSchema = z
  .object({
    id: clientIdSchema,
    name: z.string(),
    redirectUris: z.array(z.string()),
    grantTypes: z.array(z.string()),
    scopes: z.array(z.string()),
    confidential: z.boolean(),
    /** Nobody here vouched for it. */
    selfRegistered: z.boolean(),
    disabled: z.boolean(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .openapi('OauthClient');
export const oauthClientPageSchema = pageSchema(oauthClientSchema).openapi('OauthClientPage');
export const oauthClientQuerySchema = pageQuerySchema(clientIdSchema);
export const oauthClientPatchSchema = z.strictObject({ disabled: z.boolean() }).openapi('OauthClientPatch');
export const oauthClientParamsSchema = z.object({ id: clientIdSchema });
export type OauthClientView = z.infer<typeof oauthClientSchema>;

/** What a person has granted to a program: a session of that program in the person's name. */
export const grantSchema = z
  .object({
    id: z.string(),
    client: z.object({ id: z.string(), name: z.string() }),
    scopes: z.array(z.string()),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .openapi('Grant');
export const grantPageSchema = pageSchema(grantSchema).openapi('GrantPage');
const grantIdSchema = z.string().regex(idPattern('ses'), 'must be the id of a grant, ses_…');
export const grantQuerySchema = pageQuerySchema(grantIdSchema);
export const grantParamsSchema = z.object({ id: grantIdSchema });
export type GrantView = z.infer<typeof grantSchema>;
