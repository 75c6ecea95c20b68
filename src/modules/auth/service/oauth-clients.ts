import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import {
  type ClientMetadata,
  type ClientRegistration,
  OAUTH_SCOPES,
  type OauthClientView,
} from '../models/oauth.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { type Page, toPage } from '../models/pages.ts';
import type { OauthClient, OauthClientRepository, PageOf } from '../ports/oauth.ts';

/** What came with the request to prove which client it is. */
export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
}

export interface OauthClients {
  /** RFC 7591: anybody may. */
  register(metadata: ClientMetadata, caller: Caller): Promise<ClientRegistration>;
  /** @throws OauthError `invalid_client` */
  authenticate(credentials: ClientCredentials): Promise<OauthClient>;
  /** Undefined when there is none, or it is disabled. */
  find(id: string): Promise<OauthClient | undefined>;
  list(page: PageOf): Promise<Page<OauthClientView>>;
  setDisabled(principal: Principal, id: string, disabled: boolean, caller: Caller): Promise<OauthClientView>;
}

export interface OauthClientsDependencies {
  readonly repository: OauthClientRepository;
  readonly recordAudit: RecordAudit;
  readonly newId: (prefix: 'cli') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly isClientId: (text: string) => boolean;
}

export function createOauthClients(dependencies: OauthClientsDependencies): OauthClients {
  const { repository, recordAudit, newId, newSecret, hashSecret, isClientId } = dependencies;

  async function find(id: string): Promise<OauthClient | undefined> {
    if (!isClientId(id)) return undefined;
    const client = await repository.findClient(id);
    return client === undefined || client.disabledAt ? undefined : client;
  }

  return {
    find,
    async register(metadata, caller) {
      const id = newId('cli');
      const method = metadata.token_endpoint_auth_method;
      const secret = method === 'none' ? undefined : newSecret();
      const scopes = metadata.scope ?? Object.keys(OAUTH_SCOPES);
      const created = await repository.insertClient(
        {
          id,
          name: metadata.client_name,
          redirectUris: metadata.redirect_uris,
          grantTypes: [...new Set(metadata.grant_types)],
          scopes,
          secretHash: secret === undefined ? null : hashSecret(secret),
        },
        {
          actor: { kind: 'anonymous', id: null },
          action: 'oauth-client.register',
          object: { kind: 'oauth-client', id },
          result: 'success',
          address: caller.address,
          requestId: caller.requestId,
          details: { name: metadata.client_name, confidential: secret !== undefined },
        },
      );
      if (created === undefined) throw new Error('the client was not stored');
      return toRegistration(created, method, secret);
    },

    async authenticate({ clientId, clientSecret }) {
      const client = clientId === undefined ? undefined : await find(clientId);
      // Hashes of random secrets are compared: the time tells nothing about a secret.
      const proven =
        client?.secretHash === null
          ? clientSecret === undefined
          : clientSecret !== undefined && hashSecret(clientSecret) === client?.secretHash;
      if (client === undefined || !proven)
        throw new OauthError('invalid_client', 'The client is unknown, disabled, or has not proven itself.');
      return client;
    },

    async list({ cursor, limit }) {
      const rows = await repository.listClients({ cursor, limit: limit + 1 });
      return toPage(rows.map(toView), limit, ({ id }) => id);
    },

    async setDisabled(principal, id, disabled, caller) {
      const changed = await repository.setDisabled(id, disabled);
      if (changed === undefined) throw authError('oauth_client_not_found');
      await recordAudit({
        ...auditedAs(principal, caller),
        action: disabled ? 'oauth-client.disable' : 'oauth-client.enable',
        object: { kind: 'oauth-client', id },
        result: 'success',
        details: { name: changed.name },
      });
      return toView(changed);
    },
  };
}

function toRegistration(client: OauthClient, method: string, secret: string | undefined): ClientRegistration {
  return {
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt.getTime() / 1000),
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    client_name: client.name,
    redirect_uris: client.redirectUris,
    grant_types: client.grantTypes,
    response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: method,
    scope: client.scopes.join(' '),
  };
}

function toView(client: OauthClient): OauthClientView {
  return {
    id: client.id,
    name: client.name,
    redirectUris: [...client.redirectUris],
    grantTypes: [...client.grantTypes],
    scopes: [...client.scopes],
    confidential: client.secretHash !== null,
    selfRegistered: client.createdBy === null,
    disabled: client.disabledAt !== null,
    createdAt: client.createdAt.toISOString(),
    lastUsedAt: client.lastUsedAt?.toISOString() ?? null,
  };
}
