import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { type Client, createClient, problemOf, refusal, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import { type Estate, newEstate } from './harness/estate.ts';
import { type IdOf, NAMING } from './harness/naming-calls.ts';
import { nobodys } from './harness/nobodys-ids.ts';
import { fillPath, type Operation, operationsOf, readContract } from './harness/operations.ts';
import { newPrincipal, type TestPrincipal } from './harness/principals.ts';
import { sensibleBodies, TUS_CHUNK } from './harness/sensible-bodies.ts';

const installation = inject('installation');
const api = createClient(installation.url);

/** What an operation may answer to somebody who may call it but sends nothing sensible: anything but these. */
const LOCKED = new Set([
  '401 unauthorized',
  '401 token_expired',
  '403 permission_denied',
  '403 reauth_required',
]);
/** How long a right may outlive its end, with room for a slow machine (docs/limits.md). */
const AUTHORITY_MS = 1_000;

let secured: Operation[];

const call = (client: Client, { name, method, path }: Operation, idFor = nobodys) =>
  client.call(method, fillPath(path, idFor), {
    ...(method === 'GET' || method === 'DELETE' ? {} : { json: sensibleBodies[name] ?? {} }),
    ...(path.startsWith('/v1/tus') ? { headers: TUS_CHUNK } : {}),
  });

beforeAll(async () => {
  secured = operationsOf(await readContract(api)).filter(({ permission }) => permission !== undefined);
  expect(secured.length).toBeGreaterThan(180);
});

/** Runs `check` for every secured operation and reports all that fail it, not just the first. */
async function forEach(
  operations: readonly Operation[],
  check: (operation: Operation) => Promise<string>,
  expected: string,
) {
  const wrong: string[] = [];
  for (const operation of operations) {
    const actual = await check(operation);
    if (actual !== expected) wrong.push(`${operation.name}: ${actual}`);
  }
  expect(wrong).toEqual([]);
}

describe('every operation that needs a permission refuses', () => {
  it('a caller without a token', () =>
    forEach(secured, async (operation) => refusal(await call(api, operation)), '401 unauthorized'));

  it('an expired token', async () => {
    const { token } = await newPrincipal(installation, { role: 'admin', expiresIn: -61 });
    await forEach(
      secured,
      async (operation) => refusal(await call(api.as(token), operation)),
      '401 token_expired',
    );
  });

  it('the token of a session that was revoked', async () => {
    const { token, sessionId } = await newPrincipal(installation, { role: 'admin' });
    expect((await api.as(token).call('GET', '/v1/files')).status).toBe(200);
    await query(installation, 'update auth.sessions set revoked_at = now() where id = $1::uuid', [
      sessionId.slice(4),
    ]);
    await sleep(AUTHORITY_MS);
    await forEach(
      secured,
      async (operation) => refusal(await call(api.as(token), operation)),
      '401 unauthorized',
    );
  });

  it('the token of a user who was disabled', async () => {
    const { token, userId } = await newPrincipal(installation, { role: 'admin' });
    await query(installation, 'update auth.users set disabled_at = now() where id = $1::uuid', [
      userId.slice(4),
    ]);
    await forEach(
      secured,
      async (operation) => refusal(await call(api.as(token), operation)),
      '401 unauthorized',
    );
  });

  it('a token whose scopes do not hold the permission', async () => {
    const { token } = await newPrincipal(installation, { role: 'admin', scopes: ['nothing:read'] });
    await forEach(
      secured,
      async (operation) => refusal(await call(api.as(token), operation)),
      '403 permission_denied',
    );
  });

  it('an API key that does not hold the permission', async () => {
    const { api: mine } = await newAccount(api);
    const made = await mine.call('POST', '/v1/auth/api-keys', {
      json: { name: 'narrow', scopes: ['search:read'] },
    });
    const { key } = JSON.parse(new TextDecoder().decode(made.bytes));
    const others = secured.filter(({ permission }) => permission !== 'search:read');
    await forEach(
      others,
      async (operation) => refusal(await call(api.as(key), operation)),
      '403 permission_denied',
    );
  });
});

it('sensitive operations want a recent proof of identity', async () => {
  const { token } = await newPrincipal(installation, { role: 'admin', provenSecondsAgo: 3_600 });
  const sensitive = secured.filter(({ recent }) => recent);
  expect(sensitive.length).toBeGreaterThan(15);
  await forEach(
    sensitive,
    async (operation) => refusal(await call(api.as(token), operation)),
    '403 reauth_required',
  );
});

describe('the roles of the deployment', () => {
  it.each(['admin', 'member', 'viewer', 'service'])(
    '%s may call exactly what its permissions say',
    async (role) => {
      const rows = await query(
        installation,
        `select permissions from auth.roles where scope = 'deployment' and name = $1`,
        [role],
      );
      const permissions = rows[0]?.permissions;
      const allowed = new Set(Array.isArray(permissions) ? permissions : []);
      expect(allowed.size).toBeGreaterThan(0);
      const wrong: string[] = [];
      for (const operation of secured) {
        // A new one each time: some operations end the caller's session, or everybody's.
        const { token } = await newPrincipal(installation, {
          role,
          kind: role === 'service' ? 'service' : 'person',
        });
        const answer = refusal(await call(api.as(token), operation));
        const mayCall = allowed.has(operation.permission) && !(role === 'service' && operation.recent);
        if (LOCKED.has(answer) === mayCall) wrong.push(`${operation.name}: ${answer}`);
      }
      expect(wrong).toEqual([]);
    },
  );
});

/** Things with an id of their own inside a workspace or its drive. */
const NESTED = /^\/v1\/(workspaces\/\{\w+\}\/.*|drives\/\{\w+\}\/(labels|rules)\/)\{/;

describe("somebody else's things", () => {
  let estate: Estate;
  let stranger: TestPrincipal;

  beforeAll(async () => {
    estate = await newEstate(api, installation);
    stranger = await newPrincipal(installation);
  });

  it('cannot be told from things that do not exist', async () => {
    const client = api.as(stranger.token);
    const wrong: string[] = [];
    for (const operation of secured.filter(({ path }) => path.includes('{'))) {
      const theirs = await call(
        client,
        operation,
        (parameter, path) => estate.idOf(parameter, path) ?? nobodys(parameter, path),
      );
      const nothing = await call(client, operation);
      const [seen, expected] = [theirs, nothing].map((answer) =>
        answer.status < 400 ? `${answer.status}` : JSON.stringify({ ...problemOf(answer), requestId: '' }),
      );
      if (seen !== expected) wrong.push(`${operation.name}: ${seen} instead of ${expected}`);
    }
    expect(wrong).toEqual([]);
  });

  it.each(NAMING)('cannot be told from nothing where %s names them', async (name, ask) => {
    const client = api.as(stranger.token);
    const [method = '', path = ''] = name.split(' ');
    const answers = [estate.idOf, () => undefined].map(async (theirs) => {
      const idOf: IdOf = (parameter, of) => theirs(parameter, of) ?? nobodys(parameter, of);
      const { query = {}, json } = ask(idOf);
      const target = `${path.replace('{driveId}', stranger.userId)}?${new URLSearchParams(query)}`;
      const answer = await client.call(method, target, json === undefined ? {} : { json });
      // What is made is called something else each time.
      return `${answer.status} ${textOf(answer).replace(/"requestId":"[^"]*"|(?<=_)[0-9a-f]{32}/g, '')}`;
    });
    const [seen, expected] = await Promise.all(answers);
    expect(seen).toBe(expected);
  });

  it('are untouched by all these calls', async () => {
    expect(await estate.inventory()).toEqual(estate.before);
  });

  it('cannot be reached through a workspace of one’s own', async () => {
    const client = api.as(stranger.token);
    const made = await client.call('POST', '/v1/workspaces', { json: { name: 'Mine' } });
    const { id } = JSON.parse(new TextDecoder().decode(made.bytes));
    const nested = secured.filter(({ path }) => NESTED.test(path));
    expect(nested.length).toBeGreaterThan(10);
    const wrong: string[] = [];
    for (const operation of nested) {
      const answer = await call(client, operation, (parameter, path) =>
        /^\/v1\/(workspaces|drives)\/\{(\w+)\}/.exec(path)?.[2] === parameter
          ? id
          : (estate.idOf(parameter, path) ?? nobodys(parameter, path)),
      );
      if (![400, 404].includes(answer.status)) wrong.push(`${operation.name}: ${answer.status}`);
    }
    expect(wrong).toEqual([]);
    expect(await estate.inventory()).toEqual(estate.before);
  });
});
