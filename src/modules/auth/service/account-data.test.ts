import { eq, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import {
  apiKeys,
  sessions,
  users,
  workspaceMembers,
  workspaces,
} from '../../../core/database/schema/auth.ts';
import { emailsTo } from '../testing/test-emails.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const remove = (account: TestAccount, json?: object) =>
  account.call('DELETE', '/v1/auth/me', json === undefined ? {} : { json });
const rowOf = async ({ id }: TestAccount) =>
  (await system.db.select().from(users).where(eq(users.id, id)))[0];

async function workspaceOf(...members: readonly [TestAccount, string][]): Promise<string> {
  const id = newId('wsp');
  await system.db.insert(workspaces).values({ id, name: 'Ours' });
  await system.db
    .insert(workspaceMembers)
    .values(members.map(([{ id: userId }, role]) => ({ workspaceId: id, userId, role })));
  return id;
}

async function isClosed(id: string): Promise<boolean> {
  const [row] = await system.db.select().from(workspaces).where(eq(workspaces.id, id));
  return row?.deletedAt !== null;
}

describe('deleting the own account', () => {
  test('empties the row, ends everything that hangs on it, and frees the address', async () => {
    const account = await system.register();
    await account.call('PATCH', '/v1/auth/me', { json: { name: 'Ada' } });
    expect((await remove(account, { password: account.password })).status).toBe(204);
    expect(await rowOf(account)).toMatchObject({
      id: account.id,
      ...{ email: null, name: null, passwordHash: null, emailVerifiedAt: null },
      deletedAt: expect.any(Date),
    });
    const { rows } = await system.db.execute(sql`
      select (select count(*)::int from auth.sessions where user_id = u.id) as sessions,
        (select count(*)::int from auth.one_time_tokens where user_id = u.id) as tokens
      from auth.users u where deleted_at is not null`);
    expect(rows[0]).toEqual({ sessions: 0, tokens: 0 });
    const { email, password, refreshToken } = account;
    const json = { email, password };
    expect((await system.call('POST', '/v1/auth/login', { json })).body.code).toBe('invalid_credentials');
    expect((await system.call('POST', '/v1/auth/refresh', { json: { refreshToken } })).status).toBe(401);
    expect((await emailsTo(system, email)).at(-1)?.text).toContain('deleted');
    expect((await system.register({ email })).id).not.toBe(account.id);
  });

  test('stops the access token within a second', async () => {
    const account = await system.register();
    expect((await remove(account)).status).toBe(204);
    const status = async () => (await account.call('GET', '/v1/auth/me')).status;
    await expect.poll(status, { timeout: 3_000 }).toBe(401);
  });

  test('wants a recent proof of identity, and a password that is sent has to be right', async () => {
    const account = await system.register();
    expect(await remove(account, { password: 'wrong' })).toMatchObject({
      status: 403,
      body: { code: 'wrong_password' },
    });
    await system.db
      .update(sessions)
      .set({ authenticatedAt: sql`now() - interval '1 hour'` })
      .where(eq(sessions.userId, account.id));
    const exported = async () => (await account.call('GET', '/v1/auth/me/export')).body.code;
    await expect.poll(exported, { timeout: 3_000 }).toBe('reauth_required');
    expect((await remove(account)).body.code).toBe('reauth_required');
    expect((await rowOf(account))?.deletedAt).toBeNull();
  });

  test('is refused to the only owner of a workspace with others, and closes one without', async () => {
    const [ann, ben] = await Promise.all([system.register(), system.register()]);
    const shared = await workspaceOf([ann, 'owner'], [ben, 'admin']);
    const own = await workspaceOf([ann, 'owner']);
    expect(await remove(ann)).toMatchObject({ status: 409, body: { code: 'sole_owner' } });
    expect((await rowOf(ann))?.deletedAt).toBeNull();
    expect(await isClosed(own)).toBe(false);
    await system.db
      .update(workspaceMembers)
      .set({ role: 'owner' })
      .where(eq(workspaceMembers.userId, ben.id));
    expect((await remove(ann)).status).toBe(204);
    expect([await isClosed(own), await isClosed(shared)]).toEqual([true, false]);
  });

  test('of two owners who go at once one stays', async () => {
    const [ann, ben, cho] = await Promise.all([system.register(), system.register(), system.register()]);
    await workspaceOf([ann, 'owner'], [ben, 'owner'], [cho, 'member']);
    const answers = await Promise.all([remove(ann), remove(ben)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
  });

  describe('of an administrator', () => {
    const promote = ({ id }: TestAccount) =>
      system.db.update(users).set({ role: 'admin' }).where(eq(users.id, id));
    afterEach(() => system.db.update(users).set({ role: 'member' }));

    test('is refused to the last one, and to one of two who go at once', async () => {
      const [ann, ben] = await Promise.all([system.register(), system.register()]);
      await promote(ann);
      expect(await remove(ann)).toMatchObject({ status: 409, body: { code: 'last_admin' } });
      await promote(ben);
      const answers = await Promise.all([remove(ann), remove(ben)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('last_admin');
    });
  });
});

describe('the export', () => {
  test('has everything about the person and nothing that opens an account', async () => {
    const account = await system.register();
    await account.call('PATCH', '/v1/auth/me', { json: { name: 'Ada' } });
    const workspace = await workspaceOf([account, 'owner']);
    await system.db.insert(apiKeys).values({
      ...{ id: newId('key'), userId: account.id, createdBy: account.id, name: 'backup', prefix: 'acs_abc' },
      ...{ keyHash: 'planted-key-hash', scopes: ['files:read'] },
    });
    const answer = await account.call('GET', '/v1/auth/me/export');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="account.json"');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toMatchObject({
      user: { id: account.id, email: account.email, name: 'Ada' },
      hasPassword: true,
      sessions: [{ network: '203.0.113.0/24', methods: ['pwd'] }],
      apiKeys: [{ name: 'backup', prefix: 'acs_abc' }],
      workspaces: [{ id: workspace, role: 'owner' }],
    });
    const actions = answer.body.auditEntries.map(({ action }: { action: string }) => action);
    expect(actions).toEqual(expect.arrayContaining(['user.register', 'session.open', 'user.update']));
    const hash = (await rowOf(account))?.passwordHash ?? '';
    for (const secret of ['planted-key-hash', hash, account.refreshToken, account.password])
      expect(JSON.stringify(answer.body)).not.toContain(secret);
  });

  test('is about nobody else, and for who signed in a moment ago', async () => {
    const [ann, ben] = await Promise.all([system.register(), system.register()]);
    const text = JSON.stringify((await ann.call('GET', '/v1/auth/me/export')).body);
    expect(text).not.toContain(ben.id);
    expect(text).not.toContain(ben.email);
    await system.db
      .update(sessions)
      .set({ authenticatedAt: sql`now() - interval '1 hour'` })
      .where(eq(sessions.userId, ben.id));
    expect((await ben.call('GET', '/v1/auth/me/export')).body.code).toBe('reauth_required');
  });
});
