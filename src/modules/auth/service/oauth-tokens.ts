import { z } from 'zod';
import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { DEVICE_GRANT, type OauthGrantType, parseScopes, type TokenAnswer } from '../models/oauth.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { CODE_VERIFIER, type OauthParameters, refuseForeignResources } from '../models/oauth-requests.ts';
import type { Tokens } from '../models/sign-in.ts';
import type { OauthClient, OauthClientRepository, OauthGrantRepository } from '../ports/oauth.ts';
import type { ClientCredentials, OauthClients } from './oauth-clients.ts';
import type { OauthDevices } from './oauth-devices.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { Sessions } from './sessions.ts';

export interface OauthTokens {
  /** RFC 6749 3.2. @throws OauthError */
  issue(parameters: OauthParameters, credentials: ClientCredentials, caller: Caller): Promise<TokenAnswer>;
}

export interface OauthTokensDependencies {
  readonly clients: OauthClients;
  readonly devices: OauthDevices;
  readonly clientRepository: Pick<OauthClientRepository, 'noteUse'>;
  readonly grantRepository: OauthGrantRepository;
  readonly oneTimeTokens: OneTimeTokens;
  readonly sessions: Pick<Sessions, 'open' | 'refresh'>;
  readonly recordAudit: RecordAudit;
  readonly hashSecret: (secret: string) => string;
  readonly origin: string;
}

/** Kept with an authorisation code (oauth-authorize.ts). */
const codeSchema = z.object({
  clientId: z.string(),
  redirectUri: z.string(),
  challenge: z.string(),
  scopes: z.array(z.string()),
  methods: z.array(z.string()),
  authenticatedAt: z.iso.datetime(),
});

interface Approved {
  readonly userId: string;
  readonly scopes: readonly string[];
  readonly methods: readonly string[];
  readonly authenticatedAt: Date;
}

const invalidGrant = () =>
  new OauthError('invalid_grant', 'The code or token is not valid, or not for this client.');

export function createOauthTokens(dependencies: OauthTokensDependencies): OauthTokens {
  const { clients, devices, clientRepository, origin } = dependencies;

  return {
    async issue(parameters, credentials, caller) {
      const client = await clients.authenticate(credentials);
      const type = grantTypeOf(parameters.get('grant_type'), client);
      refuseForeignResources(parameters.getAll('resource'), origin);
      const answer = await answerOf(type, client, parameters, caller);
      await clientRepository.noteUse(client.id);
      return answer;
    },
  };

  async function answerOf(
    type: OauthGrantType,
    client: OauthClient,
    parameters: OauthParameters,
    caller: Caller,
  ): Promise<TokenAnswer> {
    switch (type) {
      case 'authorization_code':
        return redeemCode(dependencies, client, parameters, caller);
      case 'refresh_token':
        return refresh(dependencies, client, parameters, caller);
      case DEVICE_GRANT: {
        const approved = await devices.redeem(required(parameters, 'device_code'), client);
        return toAnswer(client, await open(dependencies, client, approved, caller), approved.scopes);
      }
    }
  }
}

function grantTypeOf(asked: string | undefined, client: OauthClient): OauthGrantType {
  if (asked === undefined) throw new OauthError('invalid_request', 'grant_type is missing.');
  if (asked !== 'authorization_code' && asked !== 'refresh_token' && asked !== DEVICE_GRANT)
    throw new OauthError('unsupported_grant_type', 'This grant type does not exist here.');
  if (!client.grantTypes.includes(asked))
    throw new OauthError('unauthorized_client', 'The client is not registered for this grant type.');
  return asked;
}

async function redeemCode(
  dependencies: OauthTokensDependencies,
  client: OauthClient,
  parameters: OauthParameters,
  caller: Caller,
): Promise<TokenAnswer> {
  const { oneTimeTokens, grantRepository, hashSecret } = dependencies;
  const code = required(parameters, 'code');
  const verifier = required(parameters, 'code_verifier');
  const token = await oneTimeTokens.consume('oauth-code', code);
  if (!token?.userId) {
    const reused = await grantRepository.reuseCode(hashSecret(code));
    if (reused?.sessionId) await endReused(dependencies, reused.sessionId, reused.clientId, caller);
    throw invalidGrant();
  }
  const kept = codeSchema.parse(token.data);
  const redirectUri = parameters.get('redirect_uri');
  if (
    kept.clientId !== client.id ||
    // OAuth 2.1 leaves it out, PKCE does its work; who sends it has to send the same (RFC 6749 4.1.3).
    (redirectUri !== undefined && redirectUri !== kept.redirectUri) ||
    !CODE_VERIFIER.test(verifier) ||
    // RFC 7636 4.6: the challenge is the hash of the verifier in base64url.
    hashSecret(verifier) !== kept.challenge
  )
    throw invalidGrant();
  const approved = { ...kept, userId: token.userId, authenticatedAt: new Date(kept.authenticatedAt) };
  const tokens = await open(dependencies, client, approved, caller);
  const grant = await grantRepository.grantOfRefreshToken(hashSecret(tokens.refreshToken));
  if (grant === undefined) throw new Error('the session that was opened is not there');
  if (!(await grantRepository.keepSessionOfCode(hashSecret(code), grant.sessionId))) {
    await endReused(dependencies, grant.sessionId, client.id, caller);
    throw invalidGrant();
  }
  return toAnswer(client, tokens, approved.scopes);
}

/** A code that comes back was stolen by one of the two (RFC 6749 4.1.2). */
async function endReused(
  { grantRepository, recordAudit }: OauthTokensDependencies,
  sessionId: string,
  clientId: string,
  caller: Caller,
): Promise<void> {
  const revoked = await grantRepository.revokeGrant(sessionId, { clientId }, 'authorization code reused');
  if (revoked === undefined) return;
  await recordAudit({
    actor: { kind: 'anonymous', id: null },
    action: 'oauth-grant.revoke',
    object: { kind: 'session', id: sessionId },
    result: 'success',
    reason: 'authorization code reused',
    address: caller.address,
    requestId: caller.requestId,
    details: { client: clientId, user: revoked.userId },
  });
}

async function refresh(
  { sessions, grantRepository, hashSecret }: OauthTokensDependencies,
  client: OauthClient,
  parameters: OauthParameters,
  caller: Caller,
): Promise<TokenAnswer> {
  const refreshToken = required(parameters, 'refresh_token');
  const grant = await grantRepository.grantOfRefreshToken(hashSecret(refreshToken));
  if (grant?.clientId !== client.id) throw invalidGrant();
  const scope = parameters.get('scope');
  if (scope !== undefined && !parseScopes(scope)?.every((name) => grant.scopes.includes(name)))
    throw new OauthError('invalid_scope', 'More than was granted.');
  const tokens = await sessions.refresh(refreshToken, caller, client.id).catch((error: unknown) => {
    throw isRefusal(error) ? invalidGrant() : error;
  });
  return toAnswer(client, tokens, grant.scopes);
}

function isRefusal(error: unknown): boolean {
  const codes: readonly unknown[] = ['invalid_refresh_token', 'invalid_credentials'];
  return error instanceof Error && 'code' in error && codes.includes(error.code);
}

/** The grant is no fresher and no stronger than the sign-in behind it. */
async function open(
  { grantRepository, sessions }: OauthTokensDependencies,
  client: OauthClient,
  { userId, scopes, methods, authenticatedAt }: Approved,
  caller: Caller,
): Promise<Tokens> {
  const person = await grantRepository.findPerson(userId);
  if (person === undefined || (person.passwordChangedAt && person.passwordChangedAt > authenticatedAt))
    throw invalidGrant();
  const grant = { methods, clientId: client.id, scopes, authenticatedAt };
  return sessions.open(person.user, grant, caller).catch((error: unknown) => {
    throw isRefusal(error) ? invalidGrant() : error;
  });
}

function toAnswer(client: OauthClient, tokens: Tokens, scopes: readonly string[]): TokenAnswer {
  const refreshes = client.grantTypes.includes('refresh_token');
  return {
    access_token: tokens.accessToken,
    token_type: 'Bearer',
    expires_in: tokens.expiresIn,
    ...(refreshes ? { refresh_token: tokens.refreshToken } : {}),
    scope: scopes.join(' '),
  };
}

function required(parameters: OauthParameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new OauthError('invalid_request', `${name} is missing.`);
  return value;
}
