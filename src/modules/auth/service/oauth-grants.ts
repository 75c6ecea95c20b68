import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { GrantView } from '../models/oauth.ts';
import { type Page, toPage } from '../models/pages.ts';
import type { OauthGrant, OauthGrantRepository, PageOf } from '../ports/oauth.ts';
import type { ClientCredentials, OauthClients } from './oauth-clients.ts';

export interface OauthGrants {
  /** What the person has granted to programs. */
  list(principal: Principal, page: PageOf): Promise<Page<GrantView>>;
  revoke(principal: Principal, id: string, caller: Caller): Promise<void>;
  /**
   * RFC 7009: ends the whole grant behind an access or refresh token. A token that is not this client's, or no token,
   * is nothing to it, and that is no error. @throws OauthError `invalid_client`
   */
  revokeToken(token: string, credentials: ClientCredentials, caller: Caller): Promise<void>;
}

export function createOauthGrants(dependencies: {
  readonly repository: OauthGrantRepository;
  readonly clients: OauthClients;
  readonly principalOf: (accessToken: string, caller: Caller) => Promise<Principal | undefined>;
  readonly recordAudit: RecordAudit;
  readonly hashSecret: (secret: string) => string;
}): OauthGrants {
  const { repository, clients, principalOf, recordAudit, hashSecret } = dependencies;
  return {
    async list({ userId }, { cursor, limit }) {
      const rows = await repository.listGrants(userId, { cursor, limit: limit + 1 });
      return toPage(rows.map(toView), limit, ({ id }) => id);
    },

    async revoke(principal, id, caller) {
      const revoked = await repository.revokeGrant(id, { userId: principal.userId }, 'revoked by the person');
      if (revoked === undefined) throw authError('grant_not_found');
      await recordAudit({
        ...auditedAs(principal, caller),
        action: 'oauth-grant.revoke',
        object: { kind: 'session', id },
        result: 'success',
        details: { client: revoked.clientId, user: revoked.userId },
      });
    },

    async revokeToken(token, credentials, caller) {
      const client = await clients.authenticate(credentials);
      const grant = await repository.grantOfRefreshToken(hashSecret(token));
      const credential = grant ? undefined : (await principalOf(token, caller))?.credential;
      const sessionId = grant?.sessionId ?? (credential?.kind === 'session' ? credential.id : undefined);
      if (sessionId === undefined) return;
      const revoked = await repository.revokeGrant(
        sessionId,
        { clientId: client.id },
        'revoked by the client',
      );
      if (revoked === undefined) return;
      await recordAudit({
        actor: { kind: 'service', id: client.id },
        action: 'oauth-grant.revoke',
        object: { kind: 'session', id: sessionId },
        result: 'success',
        reason: 'revoked by the client',
        address: caller.address,
        requestId: caller.requestId,
        details: { client: client.id, user: revoked.userId },
      });
    },
  };
}

function toView(grant: OauthGrant): GrantView {
  return {
    id: grant.sessionId,
    client: { id: grant.clientId, name: grant.clientName },
    scopes: [...grant.scopes],
    createdAt: grant.createdAt.toISOString(),
    lastUsedAt: grant.lastUsedAt.toISOString(),
    expiresAt: grant.expiresAt.toISOString(),
  };
}
