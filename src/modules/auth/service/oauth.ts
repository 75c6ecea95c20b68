import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import type { DeviceCodeRepository, OauthClientRepository, OauthGrantRepository } from '../ports/oauth.ts';
import { createOauthAuthorize, type OauthAuthorize } from './oauth-authorize.ts';
import { createOauthBrowser, type OauthBrowser, type SignInFactors } from './oauth-browser.ts';
import { createOauthClients, type OauthClients } from './oauth-clients.ts';
import { createOauthConsents } from './oauth-consents.ts';
import { createOauthDevices, type OauthDevices } from './oauth-devices.ts';
import { createOauthGrants, type OauthGrants } from './oauth-grants.ts';
import { createOauthMetadata, type OauthMetadata } from './oauth-metadata.ts';
import { createOauthTokens, type OauthTokens } from './oauth-tokens.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { EffectivePolicyOf } from './policies.ts';
import type { Sessions } from './sessions.ts';

/** The OAuth 2.1 authorisation server. */
export interface Oauth {
  readonly metadata: OauthMetadata;
  readonly clients: OauthClients;
  readonly browser: OauthBrowser;
  readonly authorize: OauthAuthorize;
  readonly devices: OauthDevices;
  readonly tokens: OauthTokens;
  readonly grants: OauthGrants;
}

export interface OauthDependencies {
  readonly clientRepository: OauthClientRepository;
  readonly grantRepository: OauthGrantRepository;
  readonly deviceRepository: DeviceCodeRepository;
  readonly factors: SignInFactors;
  readonly sessions: Pick<Sessions, 'open' | 'refresh'>;
  /** Who is behind an access token at this moment; undefined when it is no good. */
  readonly principalOf: (accessToken: string, caller: Caller) => Promise<Principal | undefined>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly recordAudit: RecordAudit;
  readonly newId: (prefix: 'cli') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly isClientId: (text: string) => boolean;
  readonly now: () => Date;
  readonly issuer: string;
}

export function createOauth(dependencies: OauthDependencies): Oauth {
  const { clientRepository, grantRepository, deviceRepository, issuer } = dependencies;
  const { origin } = new URL(issuer);
  const clients = createOauthClients({ ...dependencies, repository: clientRepository });
  const browser = createOauthBrowser({ ...dependencies, repository: grantRepository });
  const consents = createOauthConsents(dependencies);
  const devices = createOauthDevices({
    ...dependencies,
    repository: deviceRepository,
    clients,
    browser,
    consents,
    origin,
  });
  return {
    metadata: createOauthMetadata({ issuer, origin }),
    clients,
    browser,
    authorize: createOauthAuthorize({ ...dependencies, clients, browser, consents, origin }),
    devices,
    tokens: createOauthTokens({ ...dependencies, clients, devices, origin }),
    grants: createOauthGrants({ ...dependencies, repository: grantRepository, clients }),
  };
}
