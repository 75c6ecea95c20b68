import * as oauth from 'oauth4webapi';
import { z } from 'zod';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { createDependency, type Dependency } from '../../../core/resilience/dependency.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import { personNameSchema } from '../models/sign-in.ts';
import type { IdentityProviderRecord, OidcClient } from '../ports/oidc.ts';

const TIMEOUT_MS = 5_000;
const METADATA_MS = 10 * 60_000;

/** Asks the provider to say when the person signed in there (OpenID Connect Core 2, `auth_time`). */
const MAX_AGE_SECONDS = 30 * 86_400;

const profileSchema = z.object({
  auth_time: z.number().positive().optional().catch(undefined),
  sub: plainTextSchema.min(1).max(255),
  email: z.email().max(254).optional().catch(undefined),
  email_verified: z
    .union([z.boolean(), z.literal('true').transform(() => true)])
    .optional()
    .catch(undefined),
  name: personNameSchema.optional().catch(undefined),
});

export interface OidcClientOptions {
  readonly keyring: Keyring;
  readonly logger: Logger;
  readonly now: () => number;
  /** Plain HTTP to the provider, for tests and local use only. */
  readonly allowInsecure: boolean;
}

/**
 * Discovery, authorisation code with PKCE and nonce (OpenID Connect Core 3.1, RFC 9700 2.1.1). The ID token's signature
 * is checked although it comes straight from the provider.
 */
export function createOidcClient({ keyring, logger, now, allowInsecure }: OidcClientOptions): OidcClient {
  const known = new Map<string, { server: oauth.AuthorizationServer; until: number }>();
  const guards = new Map<string, Dependency>();
  // A provider is an address that an administrator wrote down; nothing it answers leads anywhere else. Each has its own
  // breaker: one that is down takes nothing from the others.
  const optionsFor = ({ issuer }: IdentityProviderRecord) => {
    const guard = guards.get(issuer) ?? createDependency('identity-provider', { timeoutMs: TIMEOUT_MS });
    guards.set(issuer, guard);
    return {
      [oauth.customFetch]: (url: string, init: object) =>
        guard.fetch(url, { ...init, redirect: 'manual' }, { wholeAnswer: true }),
      [oauth.allowInsecureRequests]: allowInsecure,
    };
  };

  async function discover(provider: IdentityProviderRecord): Promise<oauth.AuthorizationServer> {
    const { issuer } = provider;
    const cached = known.get(issuer);
    if (cached && cached.until > now()) return cached.server;
    const response = await oauth.discoveryRequest(new URL(issuer), optionsFor(provider));
    const server = await oauth.processDiscoveryResponse(new URL(issuer), response);
    known.set(issuer, { server, until: now() + METADATA_MS });
    return server;
  }

  async function clientAuth(provider: IdentityProviderRecord): Promise<oauth.ClientAuth> {
    if (provider.sealedClientSecret === null) return oauth.None();
    const secret = await keyring.open(`identity-provider ${provider.id}`, provider.sealedClientSecret);
    return oauth.ClientSecretPost(secret);
  }

  return {
    async authorizationUrl(provider, { redirectUri, state, nonce, codeVerifier, reauthenticate }) {
      const { authorization_endpoint: endpoint } = await discover(provider);
      if (endpoint === undefined) throw new Error('the provider has no authorization endpoint');
      const url = new URL(endpoint);
      const parameters = {
        client_id: provider.clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: provider.scopes,
        max_age: String(reauthenticate ? 0 : MAX_AGE_SECONDS),
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    async profile(provider, { callback, redirectUri, state, nonce, codeVerifier }) {
      const server = await discover(provider);
      const options = optionsFor(provider);
      const client = { client_id: provider.clientId };
      try {
        const response = await oauth.authorizationCodeGrantRequest(
          server,
          client,
          await clientAuth(provider),
          oauth.validateAuthResponse(server, client, callback, state),
          redirectUri,
          codeVerifier,
          options,
        );
        const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        await oauth.validateApplicationLevelSignature(server, response, options);
        const claims = oauth.getValidatedIdTokenClaims(tokens);
        const more = server.userinfo_endpoint
          ? await userInfo(server, client, tokens.access_token, claims?.sub ?? '', options)
          : {};
        // Address and its verification from one source: the ID token, or what the provider tells besides.
        const { sub, auth_time, name } = profileSchema.parse({ ...more, ...claims });
        const { email, email_verified } = profileSchema.parse(
          claims?.email === undefined ? { ...more, sub } : claims,
        );
        return {
          subject: sub,
          email: email ?? null,
          emailVerified: email_verified ?? false,
          name: name ?? null,
          authenticatedAt: auth_time === undefined ? null : Math.min(auth_time * 1_000, now()),
        };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        logger.warn('sign-in at a provider failed', { provider: provider.id, error: describeError(error) });
        return undefined;
      }
    },
  };

  /** Providers may leave the address out of the ID token and tell it here only. */
  async function userInfo(
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    accessToken: string,
    subject: string,
    options: oauth.UserInfoRequestOptions,
  ): Promise<object> {
    const response = await oauth.userInfoRequest(server, client, accessToken, options);
    return oauth.processUserInfoResponse(server, client, subject, response);
  }
}

/** What the library throws when an answer is not acceptable; a provider that is down is a DependencyError. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof oauth.OperationProcessingError ||
    error instanceof oauth.UnsupportedOperationError ||
    error instanceof oauth.ResponseBodyError ||
    error instanceof oauth.AuthorizationResponseError ||
    error instanceof oauth.WWWAuthenticateChallengeError ||
    error instanceof z.ZodError
  );
}
