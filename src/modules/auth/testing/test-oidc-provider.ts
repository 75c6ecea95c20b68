import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** People at the provider, by the name they sign in with there; changed by tests. */
export interface ProviderPerson {
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly name?: string;
}

export interface OidcTestProvider {
  readonly issuer: string;
  readonly people: Map<string, ProviderPerson>;
  /** Goes through the provider's pages as a browser would, and returns where it is sent back to. */
  signIn(authorizationUrl: string, person: string): Promise<URL>;
  /** From now on the provider says that people signed in there so many seconds later (negative: earlier). */
  shiftSignIns(seconds: number): void;
  close(): Promise<void>;
}

export const OIDC_CLIENT = { id: 'acs', secret: 'a secret of the client, long enough' } as const;

/** A certified OpenID provider on loopback (oidc-provider), with its development pages for signing in. */
export async function startOidcProvider(redirectUri: string): Promise<OidcTestProvider> {
  const people = new Map<string, ProviderPerson>();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const configuration: Configuration = {
    clients: [
      {
        client_id: OIDC_CLIENT.id,
        client_secret: OIDC_CLIENT.secret,
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    pkce: { required: () => true },
    cookies: { keys: ['cookie key of the test'] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: async () => {
        const { email, emailVerified, name } = people.get(id) ?? {};
        return {
          sub: id,
          ...(email === undefined ? {} : { email, email_verified: emailVerified ?? true }),
          ...(name === undefined ? {} : { name }),
        };
      },
    }),
  };
  const provider = new Provider(issuer, configuration);
  server.on('request', provider.callback());
  let shift = 0;
  const { prototype } = provider.Session;
  const { authTime } = prototype;
  prototype.authTime = function authTimeShifted(this: InstanceType<typeof provider.Session>) {
    const at = authTime.call(this);
    return at === undefined ? at : at + shift;
  };

  return {
    issuer,
    people,
    signIn: (authorizationUrl, person) => browse(issuer, authorizationUrl, person),
    shiftSignIns: (seconds) => {
      shift = seconds;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Follows redirects with cookies, fills in the sign-in form and agrees, until it leaves the provider. */
async function browse(issuer: string, start: string, person: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 15; step += 1) {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      body: form ?? null,
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    form = undefined;
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location) {
      url = new URL(location, url);
      if (url.origin !== issuer) return url;
      continue;
    }
    const page = await response.text();
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined)
      throw new Error(`no form at the provider: ${response.status} ${page.slice(0, 300)}`);
    url = new URL(action, url);
    form = page.includes('name="login"')
      ? new URLSearchParams({ prompt: 'login', login: person, password: 'any' })
      : new URLSearchParams({ prompt: 'consent' });
  }
  throw new Error('the provider sends the browser round in circles');
}
