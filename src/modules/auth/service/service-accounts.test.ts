import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_050));
const uuid = (id: string) => sql`${idToUuid(id)}::uuid`;

let system: TestSystem;
let owner: TestAccount;
let stranger: TestAccount;
let workspaceId: string;
let path: string;

beforeAll(async () => {
  system = await startTestSystem();
  [owner, stranger] = await Promise.all([system.register(), system.register()]);
  workspaceId = await newWorkspace(owner);
  path = `/v1/workspaces/${workspaceId}/service-accounts`;
}, 120_000);
afterAll(() => system.close());

async function newWorkspace(account: TestAccount): Promise<string> {
  const { status, body } = await account.call('POST', '/v1/workspaces', { json: { name: 'Team' } });
  expect(status).toBe(201);
  return body.id;
}

async function join(account: TestAccount, role: string): Promise<void> {
  await system.db.execute(sql`insert into auth.workspace_members (workspace_id, user_id, role)
    values (${uuid(workspaceId)}, ${uuid(account.id)}, ${role})`);
}

/** A service account with a key. */
async function newProgram(settings: object = {}) {
  const account = await owner.call('POST', path, { json: { name: 'ci' } });
  expect(account.status).toBe(201);
  const keys = `${path}/${account.body.id}/keys`;
  const made = await owner.call('POST', keys, {
    json: { name: 'deploy', scopes: ['account:read', 'files:read'], ...settings },
  });
  expect(made.status).toBe(201);
  return {
    id: account.body.id,
    account: `${path}/${account.body.id}`,
    keys,
    key: made.body.key,
    keyId: made.body.id,
  };
}
const me = (key: string) => system.call('GET', '/v1/auth/me', { token: key });

describe('a service account', () => {
  test('acts under its own name with its keys, as a member of its workspace', async () => {
    const program = await newProgram();
    expect(await me(program.key)).toMatchObject({
      status: 200,
      body: { id: program.id, kind: 'service', email: null, role: 'service' },
    });
    const { rows } = await system.db.execute(
      sql`select principal_id from auth.principals_of(${uuid(program.id)})`,
    );
    expect(rows.map(({ principal_id }) => principal_id)).toEqual([
      idToUuid(program.id),
      idToUuid(workspaceId),
    ]);
    const audit = await system.db.execute(
      sql`select action, actor_kind, actor_id from core.audit_events where credential_id = ${program.keyId}`,
    );
    expect(audit.rows).toEqual([{ action: 'agent.call', actor_kind: 'service', actor_id: program.id }]);
  });

  test('sleeps while it is disabled', async () => {
    const { account, key } = await newProgram();
    const disabled = await owner.call('PATCH', account, { json: { disabled: true } });
    expect(disabled).toMatchObject({ status: 200, body: { disabled: true, name: 'ci', role: 'member' } });
    expect((await me(key)).status).toBe(401);
    await owner.call('PATCH', account, { json: { disabled: false, name: 'CI' } });
    await nextSecond();
    expect(await me(key)).toMatchObject({ status: 200, body: { name: 'CI' } });
  });

  test('is gone with all its keys when it is removed', async () => {
    const { account, keys, key } = await newProgram();
    expect((await owner.call('DELETE', account)).status).toBe(204);
    expect((await me(key)).status).toBe(401);
    for (const [method, where, json] of [
      ['GET', account, undefined],
      ['DELETE', account, undefined],
      ['GET', keys, undefined],
      ['POST', keys, { name: 'again', scopes: ['files:read'] }],
    ] as const) {
      const answer = await owner.call(method, where, json ? { json } : {});
      expect(answer).toMatchObject({ status: 404, body: { code: 'service_account_not_found' } });
    }
  });

  test('that was removed from the members opens nothing any more', async () => {
    const program = await newProgram();
    expect((await me(program.key)).status).toBe(200);
    const removed = await owner.call('DELETE', `/v1/workspaces/${workspaceId}/members/${program.id}`);
    expect(removed.status).toBe(204);
    await nextSecond();
    expect((await me(program.key)).status).toBe(401);
  });

  test('is never made to run its workspace', async () => {
    const program = await newProgram();
    const member = `/v1/workspaces/${workspaceId}/members/${program.id}`;
    for (const role of ['admin', 'owner'])
      expect(await owner.call('PATCH', member, { json: { role } })).toMatchObject({
        status: 403,
        body: { code: 'permission_denied' },
      });
    expect(await owner.call('PATCH', member, { json: { role: 'viewer' } })).toMatchObject({
      status: 200,
      body: { role: 'viewer' },
    });
  });

  test('stays when the person who made it leaves the workspace', async () => {
    const admin = await system.register();
    await join(admin, 'admin');
    const { body } = await admin.call('POST', path, { json: { name: 'legacy' } });
    const made = await admin.call('POST', `${path}/${body.id}/keys`, {
      json: { name: 'k', scopes: ['account:read'] },
    });
    await system.db.execute(sql`delete from auth.workspace_members where user_id = ${uuid(admin.id)}`);
    expect((await me(made.body.key)).status).toBe(200);
    const after = await admin.call('DELETE', `${path}/${body.id}/keys/${made.body.id}`);
    expect(after).toMatchObject({ status: 404, body: { code: 'workspace_not_found' } });
    expect((await owner.call('DELETE', `${path}/${body.id}/keys/${made.body.id}`)).status).toBe(204);
    await nextSecond();
    expect((await me(made.body.key)).status).toBe(401);
  });

  test.each(['owner', 'admin', 'no-such-role', "member'; --"])('never has the role %s', async (role) => {
    const answer = await owner.call('POST', path, { json: { name: 'ci', role } });
    expect([400, 404]).toContain(answer.status);
  });

  test('cannot sign in, and has no keys of its own making', async () => {
    const { id, key } = await newProgram({ scopes: ['account:read', 'workspaces:read'] });
    const login = await system.call('POST', '/v1/auth/login', { json: { email: id, password: 'anything' } });
    expect(login.status).toBe(400);
    const answers = [
      await system.call('POST', '/v1/auth/api-keys', {
        token: key,
        json: { name: 'x', scopes: ['account:read'] },
      }),
      await system.call('POST', path, { token: key, json: { name: 'x' } }),
    ];
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    const list = await system.call('GET', path, { token: key });
    expect(list).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  });
});

describe('keys of a service account', () => {
  test('are listed, renamed, rotated and revoked by those who may', async () => {
    const { keys, key, keyId } = await newProgram();
    const renamed = await owner.call('PATCH', `${keys}/${keyId}`, { json: { name: 'new' } });
    expect(renamed).toMatchObject({ status: 200, body: { name: 'new' } });
    const answers = await Promise.all(
      [1, 2, 3].map(() => owner.call('POST', `${keys}/${keyId}/rotate`, { json: { overlapSeconds: 0 } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    const rotated = answers.find(({ status }) => status === 201)?.body;
    expect((await me(key)).status).toBe(401);
    expect((await me(rotated.key)).status).toBe(200);
    const list = await owner.call('GET', keys);
    expect(list.body.items.map(({ id }: { id: string }) => id)).toEqual([rotated.id]);
    expect((await owner.call('DELETE', `${keys}/${rotated.id}`)).status).toBe(204);
    await nextSecond();
    expect((await me(rotated.key)).status).toBe(401);
  });

  test('have no scope that their maker or the role of programs has not', async () => {
    const { keys } = await newProgram();
    for (const scope of ['users:write', 'workspaces:write']) {
      const answer = await owner.call('POST', keys, { json: { name: 'x', scopes: [scope] } });
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    }
  });

  test('are not rotated by somebody who does not have their scopes', async () => {
    const { keys, keyId } = await newProgram();
    const keeper = await system.register();
    await system.db.execute(sql`insert into auth.roles (scope, name, permissions) values ('deployment', 'keeper',
      '{account:read,keys:write,workspaces:read,workspaces:write}')`);
    await system.db.execute(sql`update auth.users set role = 'keeper' where id = ${uuid(keeper.id)}`);
    await join(keeper, 'admin');
    await nextSecond();
    expect(await keeper.call('POST', `${keys}/${keyId}/rotate`, { json: {} })).toMatchObject({
      status: 403,
      body: { code: 'permission_denied' },
    });
    expect((await owner.call('GET', keys)).body.items).toHaveLength(1);
  });

  test('are none of the own keys of a person, and the other way round', async () => {
    const { keys, keyId } = await newProgram();
    expect((await owner.call('DELETE', `/v1/auth/api-keys/${keyId}`)).status).toBe(404);
    const own = await owner.call('POST', '/v1/auth/api-keys', {
      json: { name: 'x', scopes: ['files:read'] },
    });
    expect((await owner.call('DELETE', `${keys}/${own.body.id}`)).status).toBe(404);
  });
});

describe('somebody', () => {
  const tries = (where: { account: string; keys: string; keyId: string }) =>
    [
      ['GET', path, undefined],
      ['POST', path, { name: 'x' }],
      ['GET', where.account, undefined],
      ['PATCH', where.account, { disabled: true }],
      ['DELETE', where.account, undefined],
      ['GET', where.keys, undefined],
      ['POST', where.keys, { name: 'x', scopes: ['files:read'] }],
      ['GET', `${where.keys}/${where.keyId}`, undefined],
      ['PATCH', `${where.keys}/${where.keyId}`, { name: 'x' }],
      ['POST', `${where.keys}/${where.keyId}/rotate`, {}],
      ['DELETE', `${where.keys}/${where.keyId}`, undefined],
    ] as const;

  test('outside the workspace finds nothing there', async () => {
    const program = await newProgram();
    for (const [method, where, json] of tries(program)) {
      const answer = await stranger.call(method, where, json ? { json } : {});
      expect(answer, `${method} ${where}`).toMatchObject({
        status: 404,
        body: { code: 'workspace_not_found' },
      });
    }
    expect((await me(program.key)).status).toBe(200);
  });

  test('who owns another workspace cannot reach the account through it', async () => {
    const program = await newProgram();
    const other = await newWorkspace(stranger);
    const elsewhere = (where: string) => where.replace(workspaceId, other);
    for (const [method, where, json] of tries(program).slice(2)) {
      const answer = await stranger.call(method, elsewhere(where), json ? { json } : {});
      expect(answer, `${method} ${where}`).toMatchObject({
        status: 404,
        body: { code: 'service_account_not_found' },
      });
    }
    expect((await me(program.key)).status).toBe(200);
  });

  test.each(['member', 'viewer'])('who is a %s of the workspace may not', async (role) => {
    const program = await newProgram();
    const member = await system.register();
    await join(member, role);
    for (const [method, where, json] of tries(program)) {
      const answer = await member.call(method, where, json ? { json } : {});
      expect(answer, `${method} ${where}`).toMatchObject({
        status: 403,
        body: { code: 'permission_denied' },
      });
    }
    expect((await me(program.key)).status).toBe(200);
  });
});

test('a workspace has a hundred service accounts at most, however many are made at once', async () => {
  await system.db.execute(sql`insert into auth.users (id, kind, name, role, workspace_id)
    select gen_random_uuid(), 'service', 'x', 'service', ${uuid(workspaceId)} from generate_series(1, (
      select 98 - count(*)::int from auth.users where workspace_id = ${uuid(workspaceId)} and deleted_at is null))`);
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => owner.call('POST', path, { json: { name: 'one more' } })),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
  expect(answers.filter(({ body }) => body.code === 'too_many_service_accounts')).toHaveLength(4);
  const page = await owner.call('GET', `${path}?limit=60`);
  const rest = await owner.call('GET', `${path}?limit=60&cursor=${page.body.nextCursor}`);
  expect([page.body.items.length, rest.body.items.length]).toEqual([60, 40]);
  expect(rest.body.nextCursor).toBeNull();
});
