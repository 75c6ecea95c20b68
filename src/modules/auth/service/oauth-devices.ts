import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { DEVICE_GRANT, type DeviceAnswer } from '../models/oauth.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { type OauthParameters, refuseForeignResources } from '../models/oauth-requests.ts';
import { formatUserCode, newUserCode, parseUserCode } from '../models/oauth-user-codes.ts';
import type { DeviceApproval, DeviceCodeRepository, OauthClient } from '../ports/oauth.ts';
import type { OauthBrowser } from './oauth-browser.ts';
import type { ClientCredentials, OauthClients } from './oauth-clients.ts';
import type { OauthConsents } from './oauth-consents.ts';
import { grantableScopes } from './oauth-request-check.ts';
import type { EffectivePolicyOf } from './policies.ts';

const DEVICE_CODE_SECONDS = 600;
const INTERVAL_SECONDS = 5;

export interface DeviceQuestion {
  readonly clientName: string;
  readonly selfRegistered: boolean;
  readonly scopes: readonly string[];
  readonly days: number;
  readonly email: string | null;
  readonly userCode: string;
  readonly consentToken: string;
}

export type DeviceStep =
  | { readonly step: 'sign-in' }
  | { readonly step: 'code'; readonly email: string | null; readonly fault?: string }
  | { readonly step: 'consent'; readonly question: DeviceQuestion }
  | { readonly step: 'done'; readonly approved: boolean };

export interface OauthDevices {
  /** RFC 8628 3.1. @throws OauthError */
  start(parameters: OauthParameters, credentials: ClientCredentials): Promise<DeviceAnswer>;
  begin(browserToken: string | undefined): Promise<DeviceStep>;
  lookUp(typed: string, browserToken: string | undefined): Promise<DeviceStep>;
  decide(
    answer: { consentToken: string; approved: boolean },
    browserToken: string | undefined,
    caller: Caller,
  ): Promise<DeviceStep>;
  /** One poll of the token endpoint. @throws OauthError while there is no approval */
  redeem(
    deviceCode: string,
    client: OauthClient,
  ): Promise<DeviceApproval & { readonly scopes: readonly string[] }>;
}

export interface OauthDevicesDependencies {
  readonly repository: DeviceCodeRepository;
  readonly clients: OauthClients;
  readonly browser: OauthBrowser;
  readonly consents: OauthConsents;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly recordAudit: RecordAudit;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
  readonly origin: string;
}

const UNKNOWN_CODE = 'There is no such code, or it has expired. Check it, or start again on the device.';

export function createOauthDevices(dependencies: OauthDevicesDependencies): OauthDevices {
  const { repository, clients, browser, consents, effectivePolicy, hashSecret } = dependencies;
  return {
    start: (parameters, credentials) => start(dependencies, parameters, credentials),

    async begin(browserToken) {
      const person = await browser.personOf(browserToken);
      return person ? { step: 'code', email: person.email } : { step: 'sign-in' };
    },

    async lookUp(typed, browserToken) {
      const person = await browser.personOf(browserToken);
      if (person === undefined || browserToken === undefined) return { step: 'sign-in' };
      const again = (fault: string): DeviceStep => ({ step: 'code', email: person.email, fault });
      if (!(await browser.mayGuess(browserToken))) {
        await browser.signOut(browserToken);
        return { step: 'sign-in' };
      }
      const userCode = parseUserCode(typed);
      const waiting = userCode === undefined ? undefined : await repository.findPending(userCode);
      const client = waiting && (await clients.find(waiting.clientId));
      if (userCode === undefined || waiting === undefined || client === undefined) return again(UNKNOWN_CODE);
      const request = { kind: 'device' as const, clientId: client.id, userCode, scopes: [...waiting.scopes] };
      const { sessionSeconds } = await effectivePolicy(person.userId);
      const question = {
        clientName: client.name,
        selfRegistered: client.createdBy === null,
        scopes: waiting.scopes,
        days: Math.ceil(sessionSeconds / 86_400),
        email: person.email,
        userCode: formatUserCode(userCode),
        consentToken: await consents.ask(browserToken, person.userId, request),
      };
      return { step: 'consent', question };
    },

    async decide({ consentToken, approved }, browserToken, caller) {
      const person = await browser.personOf(browserToken);
      if (person === undefined || browserToken === undefined) return { step: 'sign-in' };
      const request = await consents.answered(consentToken, browserToken);
      if (request?.kind !== 'device' || !(await clients.find(request.clientId)))
        return { step: 'code', email: person.email, fault: UNKNOWN_CODE };
      const decided = approved
        ? await repository.approve(request.userCode, person)
        : await repository.deny(request.userCode);
      if (!decided) return { step: 'code', email: person.email, fault: UNKNOWN_CODE };
      await dependencies.recordAudit({
        actor: { kind: 'person', id: person.userId },
        action: approved ? 'oauth-grant.approve' : 'oauth-grant.deny',
        object: { kind: 'oauth-client', id: request.clientId },
        result: 'success',
        address: caller.address,
        requestId: caller.requestId,
        details: { scopes: request.scopes.join(' '), by: 'device' },
      });
      return { step: 'done', approved };
    },

    async redeem(deviceCode, client) {
      const poll = await repository.poll(hashSecret(deviceCode), client.id);
      switch (poll.status) {
        case 'approved':
          return poll;
        case 'pending':
          throw poll.tooFast
            ? new OauthError('slow_down', 'Wait 5 seconds longer between polls.')
            : new OauthError('authorization_pending', 'The person has not decided yet.');
        case 'denied':
          throw new OauthError('access_denied', 'The person said no.');
        case 'expired':
          throw new OauthError('expired_token', 'The device code has expired. Start again.');
        case 'unknown':
          throw new OauthError('invalid_grant', 'The device code is not valid, or not for this client.');
      }
    },
  };
}

async function start(
  { repository, clients, newSecret, hashSecret, now, origin }: OauthDevicesDependencies,
  parameters: OauthParameters,
  credentials: ClientCredentials,
): Promise<DeviceAnswer> {
  const client = await clients.authenticate(credentials);
  if (!client.grantTypes.includes(DEVICE_GRANT))
    throw new OauthError('unauthorized_client', 'The client is not registered for the device grant.');
  refuseForeignResources(parameters.getAll('resource'), origin);
  const scopes = grantableScopes(client, parameters.get('scope'));
  const deviceCode = newSecret();
  const code = {
    deviceCodeHash: hashSecret(deviceCode),
    clientId: client.id,
    scopes,
    intervalSeconds: INTERVAL_SECONDS,
    expiresAt: new Date(now().getTime() + DEVICE_CODE_SECONDS * 1000),
  };
  let userCode = newUserCode();
  // One in 20^8 is taken for each code that is waiting: twice in a row is a fault.
  if (!(await repository.insert({ ...code, userCode }))) {
    userCode = newUserCode();
    if (!(await repository.insert({ ...code, userCode }))) throw new Error('no user code is free');
  }
  const shown = formatUserCode(userCode);
  return {
    device_code: deviceCode,
    user_code: shown,
    verification_uri: `${origin}/oauth/device`,
    verification_uri_complete: `${origin}/oauth/device?user_code=${shown}`,
    expires_in: DEVICE_CODE_SECONDS,
    interval: INTERVAL_SECONDS,
  };
}
