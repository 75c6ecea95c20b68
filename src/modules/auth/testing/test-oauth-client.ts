import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { createTestBrowser, type TestBrowser } from './test-browser.ts';
import type { Answer, TestAccount, TestSystem } from './test-system.ts';

export const CALLBACK = 'https://client.example/callback';
export const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

/** A program that asks for access, written by hand so that it can be made to misbehave. */
export interface TestOauthClient {
  readonly id: string;
  readonly secret: string | undefined;
  readonly verifier: string;
  /** Path of the authorisation request; undefined leaves a parameter out. */
  path(parameters?: Readonly<Record<string, string | undefined>>): string;
  token(form: Readonly<Record<string, string | undefined>>): Promise<Answer>;
  /** Signs in, says yes, and returns the code. */
  code(
    account: TestAccount,
    parameters?: Readonly<Record<string, string | undefined>>,
    browser?: TestBrowser,
  ): Promise<string>;
  exchange(code: string, form?: Readonly<Record<string, string | undefined>>): Promise<Answer>;
  grant(account: TestAccount, parameters?: Readonly<Record<string, string | undefined>>): Promise<Answer>;
}

export async function registerTestClient(
  system: TestSystem,
  metadata: Readonly<Record<string, unknown>> = {},
): Promise<TestOauthClient> {
  const registered = await system.call('POST', '/oauth/register', {
    json: {
      client_name: 'Test program',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token', DEVICE],
      token_endpoint_auth_method: 'none',
      ...metadata,
    },
  });
  if (registered.status !== 201) throw new Error(`registering: ${JSON.stringify(registered.body)}`);
  const { client_id: id, client_secret: secret } = registered.body;
  const verifier = newSecret();
  const client: TestOauthClient = {
    id,
    secret,
    verifier,
    path(parameters = {}) {
      const query = given({
        response_type: 'code',
        client_id: id,
        redirect_uri: CALLBACK,
        code_challenge: hashSecret(verifier),
        code_challenge_method: 'S256',
        state: 'the-state',
        ...parameters,
      });
      return `/oauth/authorize?${new URLSearchParams(query)}`;
    },
    token: (form) =>
      system.call('POST', '/oauth/token', {
        form: given({ client_id: id, client_secret: secret, ...form }),
      }),
    async code(account, parameters, browser = createTestBrowser(system)) {
      const page = await signedIn(browser, client.path(parameters), account);
      const answer = await browser.submit(page, { step: 'decide', decision: 'approve' });
      const code = answerOf(answer).get('code');
      if (code === null) throw new Error(`no code: ${answer.status} ${answer.headers.get('location')}`);
      return code;
    },
    exchange: (code, form = {}) =>
      client.token({
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
        code_verifier: verifier,
        ...form,
      }),
    grant: async (account, parameters) => client.exchange(await client.code(account, parameters)),
  };
  return client;
}

/** Opens a page and signs in if it asks for that. */
export async function signedIn(browser: TestBrowser, path: string, account: TestAccount): Promise<Answer> {
  const page = await browser.get(path);
  if (!String(page.body).includes('current-password')) return page;
  return browser.submit(page, { step: 'sign-in', email: account.email, password: account.password });
}

/** What the client is told by a redirect. */
export function answerOf(answer: Answer): URLSearchParams {
  return new URL(answer.headers.get('location') ?? 'none:').searchParams;
}

function given(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
