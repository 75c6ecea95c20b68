import { CLIENT_AUTHENTICATION, OAUTH_GRANT_TYPES, OAUTH_SCOPES } from '../models/oauth.ts';

export interface OauthMetadata {
  /** RFC 8414. */
  readonly server: Readonly<Record<string, unknown>>;
  /** RFC 9728: what an MCP client reads first. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export function createOauthMetadata({ issuer, origin }: { issuer: string; origin: string }): OauthMetadata {
  const scopes = Object.keys(OAUTH_SCOPES);
  return {
    server: {
      issuer,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      device_authorization_endpoint: `${origin}/oauth/device_authorization`,
      registration_endpoint: `${origin}/oauth/register`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      scopes_supported: scopes,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: OAUTH_GRANT_TYPES,
      token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
      revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      service_documentation: `${origin}/docs`,
    },
    resource: {
      resource: origin,
      authorization_servers: [issuer],
      jwks_uri: `${origin}/.well-known/jwks.json`,
      scopes_supported: scopes,
      bearer_methods_supported: ['header'],
      resource_name: 'AI Cloud Storage',
      resource_documentation: `${origin}/docs`,
    },
  };
}
