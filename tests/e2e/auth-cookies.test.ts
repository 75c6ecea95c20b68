import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { query } from './harness/database.ts';
import { newEstate } from './harness/estate.ts';
import { fillPath, operationsOf, readContract } from './harness/operations.ts';
import { newPrincipal } from './harness/principals.ts';
import { until } from './harness/until.ts';
import { userSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const OWN = { origin: installation.url };
const FOREIGN = [{ origin: 'https://evil.example' }, { origin: 'null' }, {}];

const aboutSchema = z.strictObject({
  user: userSchema,
  tokenType: z.literal('Bearer'),
  expiresIn: z.int().positive(),
});

/** Name, value and attributes of each `Set-Cookie`. */
function cookiesOf(headers: Headers) {
  return headers.getSetCookie().map((line) => {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    return { name, value, attributes: attributes.toSorted() };
  });
}

let account: Account;
let jar: string;
const signIn = (headers: Record<string, string>) =>
  api.call('POST', '/v1/auth/login', {
    json: { email: account.email, password: account.password },
    headers: { 'x-token-transport': 'cookie', ...headers },
  });

beforeAll(async () => {
  account = await newAccount(api);
  jar = cookiesOf((await signIn(OWN)).headers)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
});

// S23
describe('tokens in cookies', () => {
  it('are out of reach for scripts, other hosts and plain HTTP, and nowhere else in the answer', async () => {
    const answer = await signIn(OWN);
    bodyOf(answer, 200, aboutSchema);
    const cookies = cookiesOf(answer.headers);
    expect(cookies.map(({ name }) => name).toSorted()).toEqual(['__Host-acs-access', '__Host-acs-refresh']);
    for (const { value, attributes } of cookies) {
      expect(value.length).toBeGreaterThan(40);
      expect(attributes).toEqual([
        'HttpOnly',
        expect.stringMatching(/^Max-Age=\d+$/),
        'Path=/',
        'SameSite=Strict',
        'Secure',
      ]);
    }
  });

  it('stay in cookies when they are refreshed: no script turns a cookie into a token', async () => {
    const answer = await api.call('POST', '/v1/auth/refresh', {
      json: {},
      headers: { cookie: jar, ...OWN },
    });
    bodyOf(answer, 200, aboutSchema);
    const cookies = cookiesOf(answer.headers);
    expect(cookies).toHaveLength(2);
    jar = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  });

  it('count only once: of two cookies of a name none does', async () => {
    const { accessToken } = account.tokens;
    const cookie = `__Host-acs-access=${accessToken}; __Host-acs-access=${accessToken}`;
    const answer = await api.call('GET', '/v1/auth/me', { headers: { cookie } });
    expect(refusal(answer)).toBe('401 unauthorized');
  });
});

// S24
describe('a page of somebody else', () => {
  it.each(FOREIGN)('cannot sign a browser in: %j', async (headers) => {
    expect(refusal(await signIn({ ...headers }))).toBe('403 csrf_refused');
  });

  it.each(FOREIGN)('cannot change anything with the cookies of a browser: %j', async (headers) => {
    const calls = [
      ['POST', '/v1/folders', { name: 'forged' }],
      ['PATCH', '/v1/auth/me', { name: 'Forged' }],
      ['POST', '/v1/auth/api-keys', { name: 'forged', scopes: ['files:read'] }],
      ['DELETE', '/v1/auth/sessions?except=current', undefined],
      ['POST', '/v1/auth/logout', undefined],
      ['POST', '/v1/auth/refresh', {}],
    ] as const;
    for (const [method, path, json] of calls) {
      const options = json === undefined ? {} : { json };
      const answer = await api.call(method, path, { ...options, headers: { cookie: jar, ...headers } });
      expect(refusal(answer), `${method} ${path}`).toBe('403 csrf_refused');
    }
  });

  it('cannot do so with a form either', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = { cookie: jar, origin: 'https://evil.example', 'content-type': type };
      const answer = await api.call('POST', '/v1/folders', { body: '{"name":"forged"}', headers });
      expect(refusal(answer), type).toBe('403 csrf_refused');
      const signedIn = await api.call('POST', '/oauth/device', {
        body: 'step=sign-in&email=a%40b.example&password=x',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      });
      expect(refusal(signedIn)).toBe('403 csrf_refused');
    }
  });
});

describe('our own page', () => {
  it('reads and changes with the cookies alone', async () => {
    const me = await api.call('GET', '/v1/auth/me', { headers: { cookie: jar } });
    expect(bodyOf(me, 200, userSchema).email).toBe(account.email);
    const headers = { cookie: jar, ...OWN };
    const made = await api.call('POST', '/v1/folders', { json: { name: 'by cookie' }, headers });
    expect(made.status).toBe(201);
  });

  it('signs out: both cookies are taken back, and neither works any more', async () => {
    const headers = { cookie: jar, ...OWN, 'x-token-transport': 'cookie' };
    const answer = await api.call('POST', '/v1/auth/logout', { headers });
    expect(answer.status).toBe(204);
    for (const { value, attributes } of cookiesOf(answer.headers))
      expect([value, attributes]).toEqual(['', expect.arrayContaining(['Max-Age=0', 'Secure', 'Path=/'])]);
    expect(cookiesOf(answer.headers)).toHaveLength(2);
    await until(
      async () => refusal(await api.call('GET', '/v1/auth/me', { headers: { cookie: jar } })),
      (seen) => seen === '401 unauthorized',
      { withinMs: 10_000, everyMs: 50, what: 'the cookie to be refused' },
    );
    expect(refusal(await api.call('POST', '/v1/auth/refresh', { json: {}, headers }))).toBe(
      '401 invalid_refresh_token',
    );
  });
});

/** Written in the background, or only to say when something was last used. */
const MOVING = new Set([
  'auth.emails',
  // The analysis of files goes its own way, and the first of it makes the model known.
  ...[
    'analyses',
    'chunks',
    'embeddings',
    'document_vectors',
    'embedding_models',
    'model_choices',
    'categories',
    'field_values',
    'cursors',
  ].map((table) => `ai.${table}`),
  ...['outbox', 'changes', 'cursors', 'upkeep', 'object_deletions', 'orphans', 'webhook_deliveries'].map(
    (table) => `storage.${table}`,
  ),
]);
/** A drive's generation grows with every analysis. */
const LAST_USED = ['last_used_at', 'last_used_address', 'generation'];

/** Number and contents of the rows of every table. */
async function snapshot(): Promise<Record<string, string>> {
  const tables = await query(
    installation,
    `select format('%s.%s', table_schema, table_name) as name from information_schema.tables
     where table_schema in ('auth', 'storage', 'ai') and table_type = 'BASE TABLE' order by 1`,
  );
  const names = tables.map(({ name }) => String(name)).filter((name) => !MOVING.has(name));
  const contents = names.map(async (name): Promise<[string, string]> => {
    const rows = await query(installation, `select (to_jsonb(r) - $1::text[])::text as row from ${name} r`, [
      `{${LAST_USED.join(',')}}`,
    ]);
    const sorted = rows.map(({ row }) => String(row)).toSorted();
    return [name, `${sorted.length} ${createHash('sha256').update(sorted.join('\n')).digest('hex')}`];
  });
  return Object.fromEntries(await Promise.all(contents));
}

// S24
describe('GET and HEAD', () => {
  it('change nothing, at whatever route, with whatever rights', async () => {
    const estate = await newEstate(api, installation);
    const admin = api.as((await newPrincipal(installation, { role: 'admin' })).token);
    const reads = operationsOf(await readContract(api)).filter(({ method }) => method === 'GET');
    expect(reads.length).toBeGreaterThan(35);
    const before = await snapshot();
    expect(Object.keys(before).length).toBeGreaterThan(28);
    const crawl = async (client: Client) => {
      for (const { path } of reads) {
        const target = fillPath(path, (parameter, of) => estate.idOf(parameter, of) ?? 'nothing');
        for (const method of ['GET', 'HEAD'])
          for (const search of ['', '?limit=1&q=x&format=cef&user_code=BCDF-GHJK&state=x&client_id=y'])
            await client.call(method, target + search);
      }
    };
    await crawl(admin);
    await crawl(api);
    expect(await snapshot()).toEqual(before);
  });
});
