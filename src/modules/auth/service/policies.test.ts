import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import type { EffectivePolicy } from '../models/policies.ts';
import { policySchema } from '../models/policies.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import { workspaceOfFour } from '../testing/test-workspace.ts';
import { strictest } from './policies.ts';

const HERE = '203.0.113.7';
const ELSEWHERE = '198.51.100.9';

const DEFAULTS: EffectivePolicy = {
  passwordMinLength: 8,
  sessionIdleSeconds: 1_000,
  sessionSeconds: 5_000,
  maxSessions: 100,
  requireMfa: false,
  allowedEmailDomains: [],
  loginFailures: 5,
};

describe('of several policies', () => {
  test('the strictest of each rule counts, and none loosens the configuration', () => {
    const strict = strictest(DEFAULTS, [
      { passwordMinLength: 15, sessionIdleSeconds: 900, maxSessions: 1_000, loginFailures: 10 },
      { passwordMinLength: 12, sessionSeconds: 4_000, requireMfa: true, maxSessions: 3 },
      { requireMfa: false, sessionIdleSeconds: 2_000, sessionSeconds: 1_000_000 },
    ]);
    expect(strict).toEqual({
      passwordMinLength: 15,
      sessionIdleSeconds: 900,
      sessionSeconds: 4_000,
      maxSessions: 3,
      requireMfa: true,
      allowedEmailDomains: [],
      loginFailures: 5,
    });
    expect(strictest(DEFAULTS, [])).toEqual(DEFAULTS);
  });

  test.each([
    ['one list alone counts', [['a.example']], ['a.example']],
    ['of two lists counts what is in both', [['a.example', 'b.example'], ['b.example']], ['b.example']],
    ['an empty list changes nothing', [['a.example'], []], ['a.example']],
    ['lists with nothing in common let nobody in', [['a.example'], ['b.example']], ['nobody.invalid']],
    [
      'and a third does not let anybody in again',
      [['a.example'], ['b.example'], ['b.example']],
      ['nobody.invalid'],
    ],
  ])('of e-mail domains: %s', (_, lists, expected) => {
    const policies = lists.map((allowedEmailDomains) => ({ allowedEmailDomains }));
    expect(strictest(DEFAULTS, policies).allowedEmailDomains).toEqual(expected);
  });
});

let system: TestSystem;
let admin: TestAccount;

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1000' });
  admin = await system.register();
  await system.db.execute(sql`update auth.users set role = 'admin' where id = ${idToUuid(admin.id)}::uuid`);
}, 120_000);
afterEach(async () => {
  await system.db.execute(sql`delete from auth.policies`);
});
afterAll(() => system.close());

const refusedAs = (status: number, code: string) => ({ status, body: { code } });
const DEPLOYMENT = '/v1/admin/policy';
/** Longer than an isolate remembers an authority. */
const authorityIsRead = () => new Promise((resolve) => setTimeout(resolve, 1_100));
const withMfa = (account: TestAccount, methods = '{pwd,otp}') =>
  system.db.execute(
    sql`update auth.sessions set methods = ${methods}::text[] where user_id = ${idToUuid(account.id)}::uuid`,
  );

describe('networks', () => {
  const NETWORKS = [
    '0.0.0.0/0',
    '192.0.2.0/24',
    '192.0.2.128/25',
    '203.0.113.7/32',
    '::/0',
    '2001:db8::/32',
    '2001:DB8:0:1::/64',
    'fe80:1:2:3:4:5:6:7/128',
    '1:2:3:4:5:6:7::/112',
  ];
  const FAULTY = [
    '',
    '192.0.2.0',
    '192.0.2.0/33',
    '192.0.2.0/024',
    '192.0.2/24',
    '192.0.2.256/32',
    '192.0.02.0/24',
    '192.0.2.1/24',
    '1.2.3.4.5/8',
    '...../8',
    '2001:db8::/129',
    '2001:db8::1/64',
    '2001:db8:::/48',
    '1:2:3:4:5:6:7:8:9/128',
    '1:2:3:4:5:6:7/128',
    '::1::/128',
    '12345::/16',
    '::ffff:192.0.2.0/120',
    'fe80::%eth0/64',
    ' 192.0.2.0/24',
    '192.0.2.0/24 ',
    "192.0.2.0/24'; drop table x --",
    '192.0.2.0/-1',
  ];

  test.each(NETWORKS)('%s is one, for the database too', async (network) => {
    expect(policySchema.safeParse({ allowedNetworks: [network] }).success).toBe(true);
    const { rows } = await system.db.execute(
      sql`select auth.address_in(${JSON.stringify([network])}::jsonb, host(${network}::inet)::inet) as inside`,
    );
    expect(rows).toEqual([{ inside: true }]);
  });

  test.each(FAULTY)('"%s" is none', (network) => {
    expect(policySchema.safeParse({ allowedNetworks: [network] }).success).toBe(false);
  });

  test('are told apart from addresses: what passes is a network to the database without any change', async () => {
    for (const network of NETWORKS) {
      const { rows } = await system.db.execute(
        sql`select ${network}::cidr::text = network(${network}::inet)::text as same`,
      );
      expect(rows, network).toEqual([{ same: true }]);
    }
  });
});

test('an unknown address is in no network, but in the absence of a list', async () => {
  const inside = async (networks: readonly string[]) => {
    const { rows } = await system.db.execute(
      sql`select auth.address_in(${JSON.stringify(networks)}::jsonb, null::inet) as inside`,
    );
    return rows[0]?.inside;
  };
  expect([await inside(['203.0.113.0/24']), await inside([])]).toEqual([false, true]);
});

describe('the policy of the deployment', () => {
  test('is for those who may write policies, and is what they wrote', async () => {
    const person = await system.register();
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(await person.call(method, DEPLOYMENT, method === 'PUT' ? { json: {} } : {})).toMatchObject(
        refusedAs(403, 'permission_denied'),
      );
    expect((await admin.call('GET', DEPLOYMENT)).body).toEqual({
      policy: {},
      updatedAt: null,
      updatedBy: null,
    });
    const policy = { passwordMinLength: 12, allowedEmailDomains: ['example.com'] };
    const set = await admin.call('PUT', DEPLOYMENT, { json: policy });
    expect(set).toMatchObject({ status: 200, body: { policy, updatedBy: admin.id } });
    expect((await admin.call('GET', DEPLOYMENT)).body).toEqual(set.body);
    expect((await person.call('GET', '/v1/auth/permissions')).body.policies).toMatchObject({
      binding: [{ workspaceId: null, policy }],
      effective: policy,
    });
    await Promise.all(
      [1, 2, 3].map((maxSessions) => admin.call('PUT', DEPLOYMENT, { json: { maxSessions } })),
    );
    expect((await admin.call('GET', DEPLOYMENT)).body.policy).not.toHaveProperty('passwordMinLength');
    expect(await admin.call('DELETE', DEPLOYMENT)).toMatchObject({ status: 204 });
    expect((await admin.call('GET', DEPLOYMENT)).body.policy).toEqual({});
  });

  test.each([
    ['passwords of fewer than 8 characters', { passwordMinLength: 7 }],
    ['a session of 30 seconds', { sessionSeconds: 30 }],
    ['an unknown rule', { passwordExpiryDays: 30 }],
    ['no network', { allowedNetworks: ['everywhere'] }],
    ['a domain with a wildcard', { allowedEmailDomains: ['*.example.com'] }],
    ['101 networks', { allowedNetworks: Array.from({ length: 101 }, (_, i) => `10.0.${i}.0/24`) }],
  ])('cannot ask for %s', async (_, json) => {
    expect(await admin.call('PUT', DEPLOYMENT, { json })).toMatchObject(refusedAs(400, 'invalid_request'));
    expect((await admin.call('GET', DEPLOYMENT)).body.policy).toEqual({});
  });

  test('does not keep out whoever sets it', async () => {
    const set = (json: object) => admin.call('PUT', DEPLOYMENT, { json });
    const refused = refusedAs(409, 'would_lock_you_out');
    expect(await set({ allowedNetworks: ['198.51.100.0/24'] })).toMatchObject(refused);
    expect(await set({ requireMfa: true })).toMatchObject(refused);
    expect((await admin.call('GET', DEPLOYMENT)).body.policy).toEqual({});
    expect(await set({ allowedNetworks: ['198.51.100.0/24', '203.0.113.0/24'] })).toMatchObject({
      status: 200,
    });
    await withMfa(admin);
    await authorityIsRead();
    expect(await set({ requireMfa: true })).toMatchObject({ status: 200 });
    expect((await admin.call('GET', DEPLOYMENT)).body.policy).toEqual({ requireMfa: true });
  });

  test('leaves nothing to callers from networks that it does not allow', async () => {
    const person = await system.register();
    await admin.call('PUT', DEPLOYMENT, { json: { allowedNetworks: ['203.0.113.0/24', '2001:db8::/32'] } });
    expect(await person.call('GET', '/v1/auth/me', { address: ELSEWHERE })).toMatchObject(
      refusedAs(403, 'network_not_allowed'),
    );
    expect(await person.call('GET', '/v1/auth/me', { address: '2001:db8:1::1' })).toMatchObject({
      status: 200,
    });
    expect(await person.call('GET', '/v1/auth/me', { address: HERE })).toMatchObject({ status: 200 });
  });
});

describe('the policy of a workspace', () => {
  test('is set by those it is given to, read by its members, and binds nobody else', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const stranger = await system.register();
    const json = { maxSessions: 3 };
    expect(await people.admin.call('PUT', at('/policy'), { json })).toMatchObject({
      status: 200,
      body: { policy: json, updatedBy: people.admin.id },
    });
    expect((await people.viewer.call('GET', at('/policy'))).body.policy).toEqual(json);
    const policiesOf = async (account: TestAccount) =>
      (await account.call('GET', '/v1/auth/permissions')).body.policies;
    expect(await policiesOf(people.viewer)).toMatchObject({
      binding: [{ workspaceId: id, policy: json }],
      effective: json,
    });
    expect((await policiesOf(stranger)).binding).toEqual([]);
    await people.owner.call('DELETE', `/v1/workspaces/${id}`);
    expect((await policiesOf(people.viewer)).binding).toEqual([]);
  });

  test('restricts its members elsewhere to their account, from where they can leave', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const set = (allowedNetworks: string[]) =>
      people.owner.call('PUT', at('/policy'), { json: { allowedNetworks } });
    expect(await set(['198.51.100.0/24'])).toMatchObject(refusedAs(409, 'would_lock_you_out'));
    expect(await set(['203.0.113.0/24'])).toMatchObject({ status: 200 });
    const away = { address: ELSEWHERE };
    const open = (options: object) =>
      people.member.call('POST', '/v1/workspaces', { json: { name: 'Mine' }, ...options });
    expect(await open(away)).toMatchObject(refusedAs(403, 'network_not_allowed'));
    expect(await open({})).toMatchObject({ status: 201 });
    const explained = (await people.member.call('GET', '/v1/auth/permissions', away)).body;
    expect(explained).toMatchObject({
      restriction: 'network_not_allowed',
      permissions: ['account:read', 'account:write', 'workspaces:read'],
    });
    expect(explained.missing).toContainEqual({
      permission: 'files:read',
      because: 'A policy or the key does not allow this network.',
    });
    expect(await people.member.call('POST', at('/leave'), away)).toMatchObject({ status: 204 });
    await authorityIsRead();
    expect(await open(away)).toMatchObject({ status: 201 });
    expect(id).toMatch(/^wsp_/);
  });

  test('that requires a second factor restricts sessions without one', async () => {
    const { at, people } = await workspaceOfFour(system, { newPeople: true });
    const set = () => people.owner.call('PUT', at('/policy'), { json: { requireMfa: true } });
    expect(await set()).toMatchObject(refusedAs(409, 'would_lock_you_out'));
    await withMfa(people.owner, '{hwk}');
    await authorityIsRead();
    expect(await set()).toMatchObject({ status: 200 });
    await authorityIsRead();
    const open = (who: TestAccount) => who.call('POST', '/v1/workspaces', { json: { name: 'Mine' } });
    expect(await open(people.member)).toMatchObject(refusedAs(403, 'mfa_required'));
    expect(await people.member.call('GET', '/v1/auth/me')).toMatchObject({ status: 200 });
    expect(await open(people.owner)).toMatchObject({ status: 201 });
    expect(await people.owner.call('DELETE', at('/policy'))).toMatchObject({ status: 204 });
    await authorityIsRead();
    expect(await open(people.member)).toMatchObject({ status: 201 });
  });
});
