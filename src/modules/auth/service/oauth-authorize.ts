import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { formActionSource, redirectTarget, withParameters } from '../models/oauth-redirects.ts';
import { STATE } from '../models/oauth-requests.ts';
import type { OauthClient } from '../ports/oauth.ts';
import type { BrowserPerson, OauthBrowser } from './oauth-browser.ts';
import type { OauthClients } from './oauth-clients.ts';
import type { CodeRequest, OauthConsents } from './oauth-consents.ts';
import { checkRequest, findTarget } from './oauth-request-check.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { EffectivePolicyOf } from './policies.ts';

/** RFC 6749 4.1.2 allows 10 minutes; a browser needs seconds. */
const CODE_SECONDS = 60;

/** What the consent page shows. */
export interface ConsentQuestion {
  readonly clientName: string;
  /** Where the answer goes, in words. */
  readonly target: string;
  readonly selfRegistered: boolean;
  readonly scopes: readonly string[];
  /** Longest life of the grant. */
  readonly days: number;
  readonly email: string | null;
  readonly consentToken: string;
  /** For the policy of the page. */
  readonly formActionSource: string;
}

/** What the browser is to see or do next. */
export type AuthorizeStep =
  /** Client or redirect address are not to be trusted: told to the person, never sent anywhere (RFC 6749 4.1.2.1). */
  | { readonly step: 'refused'; readonly reason: string }
  | { readonly step: 'redirect'; readonly location: string }
  | { readonly step: 'sign-in'; readonly clientName: string }
  | { readonly step: 'consent'; readonly question: ConsentQuestion };

export interface OauthAuthorize {
  /** @param query of the request as it came */
  begin(query: string, browserToken: string | undefined): Promise<AuthorizeStep>;
  decide(
    answer: { consentToken: string; approved: boolean },
    browserToken: string | undefined,
    caller: Caller,
  ): Promise<AuthorizeStep>;
}

export interface OauthAuthorizeDependencies {
  readonly clients: OauthClients;
  readonly browser: OauthBrowser;
  readonly consents: OauthConsents;
  readonly oneTimeTokens: OneTimeTokens;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly recordAudit: RecordAudit;
  readonly issuer: string;
  readonly origin: string;
}

export function createOauthAuthorize(dependencies: OauthAuthorizeDependencies): OauthAuthorize {
  const { clients, browser, consents, oneTimeTokens, effectivePolicy, recordAudit, issuer, origin } =
    dependencies;
  const redirect = (
    uri: string,
    state: string | null,
    parameters: Record<string, string>,
  ): AuthorizeStep => ({
    step: 'redirect',
    // RFC 9207: the client knows which server an answer is from.
    location: withParameters(uri, { ...parameters, ...(state === null ? {} : { state }), iss: issuer }),
  });

  async function ask(
    client: OauthClient,
    request: CodeRequest,
    person: BrowserPerson,
    browserToken: string,
  ): Promise<AuthorizeStep> {
    const { sessionSeconds } = await effectivePolicy(person.userId);
    const question = {
      clientName: client.name,
      target: redirectTarget(request.redirectUri),
      selfRegistered: client.createdBy === null,
      scopes: request.scopes,
      days: Math.ceil(sessionSeconds / 86_400),
      email: person.email,
      consentToken: await consents.ask(browserToken, person.userId, request),
      formActionSource: formActionSource(request.redirectUri),
    };
    return { step: 'consent', question };
  }

  return {
    async begin(query, browserToken) {
      const found = await findTarget(query, clients);
      if ('reason' in found) return { step: 'refused', reason: found.reason };
      const { client, redirectUri, parameters } = found;
      const state = parameters.get('state') ?? null;
      let request: CodeRequest;
      try {
        request = checkRequest(parameters, client, redirectUri, origin);
      } catch (error) {
        if (!(error instanceof OauthError)) throw error;
        const echo = state !== null && STATE.test(state) ? state : null;
        return redirect(redirectUri, echo, { error: error.code, error_description: error.message });
      }
      const person = await browser.personOf(browserToken);
      if (person === undefined || browserToken === undefined)
        return { step: 'sign-in', clientName: client.name };
      return ask(client, request, person, browserToken);
    },

    async decide({ consentToken, approved }, browserToken, caller) {
      const person = await browser.personOf(browserToken);
      const request =
        person && browserToken ? await consents.answered(consentToken, browserToken) : undefined;
      if (person === undefined || request?.kind !== 'code')
        return { step: 'refused', reason: 'This question is too old. Start again from the program.' };
      // Between question and answer an administrator may have disabled it.
      if ((await clients.find(request.clientId)) === undefined)
        return { step: 'refused', reason: 'This program is not known here, or has been disabled.' };
      await recordAudit({
        actor: { kind: 'person', id: person.userId },
        action: approved ? 'oauth-grant.approve' : 'oauth-grant.deny',
        object: { kind: 'oauth-client', id: request.clientId },
        result: 'success',
        address: caller.address,
        requestId: caller.requestId,
        details: { scopes: request.scopes.join(' '), by: 'code' },
      });
      if (!approved)
        return redirect(request.redirectUri, request.state, {
          error: 'access_denied',
          error_description: 'The person said no.',
        });
      const { clientId, redirectUri, challenge, scopes, state } = request;
      const { userId, methods, authenticatedAt } = person;
      const data = {
        clientId,
        redirectUri,
        challenge,
        scopes,
        methods,
        authenticatedAt: authenticatedAt.toISOString(),
      };
      const code = await oneTimeTokens.issue('oauth-code', CODE_SECONDS, { userId, data });
      return redirect(redirectUri, state, { code });
    },
  };
}
