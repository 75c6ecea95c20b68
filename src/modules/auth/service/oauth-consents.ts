import { z } from 'zod';
import type { OneTimeTokens } from './one-time-tokens.ts';

const CONSENT_SECONDS = 600;

const requestSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('code'),
    clientId: z.string(),
    redirectUri: z.string(),
    scopes: z.array(z.string()),
    challenge: z.string(),
    state: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('device'),
    clientId: z.string(),
    userCode: z.string(),
    scopes: z.array(z.string()),
  }),
]);
const consentSchema = z.object({ browser: z.string(), request: requestSchema });

/** What a person is asked to agree to: exactly this is granted, whatever the form says later. */
export type ConsentRequest = z.infer<typeof requestSchema>;
export type CodeRequest = Extract<ConsentRequest, { kind: 'code' }>;

export interface OauthConsents {
  /** @returns the token of one question to one browser; it goes into the form. */
  ask(browserToken: string, userId: string, request: ConsentRequest): Promise<string>;
  /** Undefined when the question was answered, is too old, or was put to another browser. */
  answered(consentToken: string, browserToken: string): Promise<ConsentRequest | undefined>;
}

export function createOauthConsents(dependencies: {
  readonly oneTimeTokens: OneTimeTokens;
  readonly hashSecret: (secret: string) => string;
}): OauthConsents {
  const { oneTimeTokens, hashSecret } = dependencies;
  return {
    ask: (browserToken, userId, request) =>
      oneTimeTokens.issue('oauth-consent', CONSENT_SECONDS, {
        userId,
        data: { browser: hashSecret(browserToken), request },
      }),
    async answered(consentToken, browserToken) {
      const token = await oneTimeTokens.consume('oauth-consent', consentToken);
      if (token === undefined) return undefined;
      const { browser, request } = consentSchema.parse(token.data);
      return browser === hashSecret(browserToken) ? request : undefined;
    },
  };
}
