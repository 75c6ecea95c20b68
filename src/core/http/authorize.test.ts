import { createRoute } from '@hono/zod-openapi';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryRateLimiter } from '../cache/memory-rate-limiter.ts';
import type { AuditEntry } from '../security/audit.ts';
import type { Principal } from '../security/principal.ts';
import { createHttpApp, describeApi } from './app.ts';
import { coreError } from './app-error.ts';
import {
  cookieOf,
  type Guard,
  type GuardedVariables,
  open,
  permit,
  provideGuard,
  RECENT_MS,
} from './authorize.ts';

const NOW = 10_000_000_000;
const ORIGIN = 'https://app.test';
const COOKIE = '__Host-acs-access=from-cookie';

let principal: Principal;
let entries: AuditEntry[];
let credentials: string[];
let auditFails: boolean;
let effects: number;

const guard: Guard = {
  authenticator: {
    async authenticate(credential) {
      credentials.push(credential);
      if (credential === 'bad') throw coreError('unauthorized');
      return principal;
    },
  },
  async recordAudit(entry) {
    if (auditFails) throw new Error('the database is away');
    entries.push(entry);
  },
  limiter: createMemoryRateLimiter(() => NOW),
  publicOrigin: ORIGIN,
  now: () => NOW,
};

const app = createHttpApp<GuardedVariables>('test');
app.use(provideGuard(() => guard));
const responses = { 200: { description: 'Done' } };
const route = (method: 'get' | 'post', path: string, access: object) =>
  app.openapi(createRoute({ method, path, responses, ...access }), (c) => {
    effects += 1;
    return c.text('done', 200);
  });
route('get', '/read', permit('account:read'));
route('post', '/write', permit('account:write'));
route('post', '/sensitive', permit('account:write', { recent: true }));
route('get', '/open', open);
describeApi(app, 'Test');

const send = async (method: string, path: string, headers: Record<string, string> = {}) => {
  const response = await app.fetch(new Request(`${ORIGIN}${path}`, { method, headers }), {
    LOG_LEVEL: 'silent',
  });
  if (response.ok) return `${response.status}`;
  const problem: unknown = await response.json();
  return typeof problem === 'object' && problem !== null && 'code' in problem
    ? `${response.status} ${problem.code}`
    : `${response.status}`;
};

beforeEach(() => {
  principal = {
    userId: 'usr_1',
    kind: 'person',
    role: 'member',
    credential: { kind: 'session', id: 'ses_1', clientId: null },
    permissions: new Set(['account:read', 'account:write']),
    restriction: null,
    authenticatedAt: NOW - 1_000,
    methods: ['pwd'],
  };
  entries = [];
  credentials = [];
  auditFails = false;
  effects = 0;
});

const bearer = { authorization: 'Bearer from-header' };

describe('a route with a permission', () => {
  test('is open to whoever has it', async () => {
    expect(await send('GET', '/read', bearer)).toBe('200');
    expect(entries).toEqual([]);
  });

  test('is shut to whoever has not, and that is kept', async () => {
    principal = { ...principal, permissions: new Set(['account:read']) };
    expect(await send('POST', '/write', bearer)).toBe('403 permission_denied');
    expect(effects).toBe(0);
    expect(entries).toMatchObject([
      { action: 'access.denied', result: 'denied', reason: 'permission_denied', object: { id: '/write' } },
    ]);
  });

  test.each(['mfa_required', 'network_not_allowed'] as const)(
    'says %s where that is why',
    async (restriction) => {
      principal = { ...principal, permissions: new Set(), restriction };
      expect(await send('GET', '/read', bearer)).toBe(`403 ${restriction}`);
    },
  );

  test('stays shut when the refusal cannot be kept', async () => {
    auditFails = true;
    principal = { ...principal, permissions: new Set() };
    expect(await send('GET', '/read', bearer)).toBe('403 permission_denied');
  });

  test.each([
    ['nothing', {}],
    ['a scheme of another kind', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['no token', { authorization: 'Bearer ' }],
    ['two tokens', { authorization: 'Bearer a b' }],
    ['an empty header', { authorization: '' }],
  ])('is shut to %s', async (_, headers) => {
    expect(await send('GET', '/read', headers)).toBe('401 unauthorized');
    expect(credentials).toEqual([]);
  });

  test('does not look at the URL', async () => {
    expect(await send('GET', '/read?access_token=from-header&token=x')).toBe('401 unauthorized');
  });
});

describe('a sensitive route', () => {
  test.each([
    ['just now', NOW - 1, '200'],
    ['ten minutes ago', NOW - RECENT_MS, '200'],
    ['longer ago', NOW - RECENT_MS - 1, '403 reauth_required'],
    ['never', null, '403 reauth_required'],
  ])('for a proof of identity %s answers %s %s', async (_, authenticatedAt, expected) => {
    principal = { ...principal, authenticatedAt };
    expect(await send('POST', '/sensitive', bearer)).toBe(expected);
  });

  test.each<[string, Partial<Principal>]>([
    ['API keys', { credential: { kind: 'api-key', id: 'key_1' } }],
    ['OAuth clients', { credential: { kind: 'session', id: 'ses_1', clientId: 'cli_1' } }],
    ['service accounts', { kind: 'service' }],
  ])('is never open to %s', async (_, changes) => {
    principal = { ...principal, ...changes };
    expect(await send('POST', '/sensitive', bearer)).toBe('403 reauth_required');
  });
});

test('what programs do in the name of a person is kept, reads too', async () => {
  principal = { ...principal, credential: { kind: 'api-key', id: 'key_1' } };
  await send('GET', '/read', bearer);
  expect(entries).toMatchObject([
    { action: 'agent.call', result: 'success', details: { method: 'GET', status: 200 } },
  ]);
});

describe('a cookie', () => {
  test('opens a read from anywhere: it changes nothing', async () => {
    expect(await send('GET', '/read', { cookie: COOKIE })).toBe('200');
    expect(credentials).toEqual(['from-cookie']);
  });

  test('opens a change from our own origin', async () => {
    expect(await send('POST', '/write', { cookie: COOKIE, origin: ORIGIN })).toBe('200');
  });

  test.each([
    ['another origin', { origin: 'https://evil.test' }],
    ['no origin', {}],
    ['a null origin', { origin: 'null' }],
    ['the same host over http', { origin: 'http://app.test' }],
    ['a subdomain', { origin: 'https://x.app.test' }],
    ['an origin that begins alike', { origin: 'https://app.test.evil.test' }],
    ['another port', { origin: 'https://app.test:8443' }],
    ['a referrer alone', { referer: `${ORIGIN}/` }],
  ])('opens no change from %s', async (_, headers) => {
    expect(await send('POST', '/write', { cookie: COOKIE, ...headers })).toBe('403 csrf_refused');
    expect([effects, credentials]).toEqual([0, []]);
  });

  test('gives way to a bearer token, good or bad', async () => {
    expect(await send('POST', '/write', { cookie: COOKIE, ...bearer, origin: 'https://evil.test' })).toBe(
      '200',
    );
    expect(await send('GET', '/read', { cookie: COOKIE, authorization: 'Bearer bad' })).toBe(
      '401 unauthorized',
    );
    expect(credentials).toEqual(['from-header', 'bad']);
  });

  test('that is there twice is none', async () => {
    const twice = `${COOKIE}; other=1; __Host-acs-access=planted`;
    expect(await send('GET', '/read', { cookie: twice })).toBe('401 unauthorized');
  });

  test.each([
    ['a=1; b=2', '2'],
    ['b=2', '2'],
    [' b=2=3 ;a=1', '2=3'],
    ['xb=2', undefined],
    ['', undefined],
    ['b', undefined],
  ])('is found in %j', (cookie, expected) => {
    expect(cookieOf(new Request(ORIGIN, { headers: { cookie } }), 'b')).toBe(expected);
  });
});

test('a route that says nothing about who may call it keeps its module from starting', () => {
  const careless = createHttpApp<GuardedVariables>('careless');
  careless.openapi(createRoute({ method: 'get', path: '/x', responses }), (c) => c.text('done', 200));
  expect(() => describeApi(careless, 'Careless')).toThrow('get /x declares no permission');
});
