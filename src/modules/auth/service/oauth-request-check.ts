import { type OauthScope, parseScopes } from '../models/oauth.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { matchesRedirectUri } from '../models/oauth-redirects.ts';
import {
  CODE_CHALLENGE,
  type OauthParameters,
  oauthParameters,
  refuseForeignResources,
  STATE,
} from '../models/oauth-requests.ts';
import type { OauthClient } from '../ports/oauth.ts';
import type { OauthClients } from './oauth-clients.ts';
import type { CodeRequest } from './oauth-consents.ts';

/** Until these two are known to belong together, nothing is sent anywhere (RFC 9700 4.11). */
export async function findTarget(
  query: string,
  clients: OauthClients,
): Promise<{ reason: string } | { client: OauthClient; redirectUri: string; parameters: OauthParameters }> {
  let parameters: OauthParameters;
  try {
    parameters = oauthParameters(query);
  } catch (error) {
    if (!(error instanceof OauthError)) throw error;
    return { reason: 'The request of the program is not valid: a parameter is there more than once.' };
  }
  const client = await clients.find(parameters.get('client_id') ?? '');
  if (client === undefined) return { reason: 'This program is not known here, or has been disabled.' };
  const [only, ...others] = client.redirectUris;
  const asked = parameters.get('redirect_uri') ?? (others.length === 0 ? only : undefined);
  const registered = client.redirectUris.some((uri) => asked !== undefined && matchesRedirectUri(uri, asked));
  if (asked === undefined || !registered)
    return { reason: 'The program asks to send you to an address that it has not registered.' };
  return { client, redirectUri: asked, parameters };
}

/** @throws OauthError for the client to be told. */
export function checkRequest(
  parameters: OauthParameters,
  client: OauthClient,
  redirectUri: string,
  origin: string,
): CodeRequest {
  const state = parameters.get('state') ?? null;
  if (state !== null && !STATE.test(state))
    throw new OauthError('invalid_request', 'state must be printable ASCII of at most 2000 characters.');
  const type = parameters.get('response_type');
  if (type === undefined) throw new OauthError('invalid_request', 'response_type is missing.');
  if (type !== 'code') throw new OauthError('unsupported_response_type', 'response_type must be code.');
  if (!client.grantTypes.includes('authorization_code'))
    throw new OauthError('unauthorized_client', 'The client is not registered for authorization_code.');
  const challenge = parameters.get('code_challenge') ?? '';
  if (parameters.get('code_challenge_method') !== 'S256' || !CODE_CHALLENGE.test(challenge))
    throw new OauthError('invalid_request', 'PKCE is required: code_challenge with method S256.');
  refuseForeignResources(parameters.getAll('resource'), origin);
  const scopes = grantableScopes(client, parameters.get('scope'));
  return { kind: 'code', clientId: client.id, redirectUri, scopes, challenge, state };
}

/** What a client may ask for; without `scope` all that it has registered. @throws OauthError `invalid_scope` */
export function grantableScopes(client: OauthClient, scope: string | undefined): OauthScope[] {
  const registered = parseScopes(client.scopes.join(' ')) ?? [];
  const asked = scope === undefined ? registered : parseScopes(scope);
  if (asked === undefined || !asked.every((name) => registered.includes(name)))
    throw new OauthError('invalid_scope', `Registered are: ${client.scopes.join(' ')}.`);
  return asked;
}
