import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

type People = readonly [TestUser, TestUser, TestUser];
async function people(): Promise<People> {
  return [await system.newUser(), await system.newUser(), await system.newUser()];
}

const grant = (by: TestUser, fileId: string, principal: object, role: string, more = {}): Promise<Answer> =>
  by.call('POST', `/v1/files/${fileId}/grants`, { json: { principal, role, ...more } });
const toUser = ({ id }: TestUser) => ({ kind: 'user', id });
const look = (who: TestUser, fileId: string) => who.call('GET', `/v1/files/${fileId}`);
const without = ({ body }: Answer) => ({ ...body, requestId: undefined });
const lastAudit = async (objectId: string) =>
  (
    await system.query(
      `select action, actor_id, result, details from core.audit_events where object_id = '${objectId}' order by id desc limit 1`,
    )
  )[0];

describe('a grant', () => {
  test('gives a person a role, on a folder and all below it, at once, and audits it', async () => {
    const [ann, bob] = await people();
    const folder = await ann.folder('shared');
    const inner = await ann.folder('inner', folder);
    const file = await ann.file('a.txt', 'a', inner);
    const beside = await ann.file('beside.txt', 'b');
    const given = await grant(
      ann,
      folder,
      { kind: 'user', email: `${bob.id.toUpperCase()}@example.com` },
      'editor',
    );
    expect(given.status, JSON.stringify(given.body)).toBe(201);
    expect(given.body).toMatchObject({
      fileId: folder,
      inherited: false,
      principal: { kind: 'user', id: bob.id, name: 'Somebody' },
      role: 'editor',
      grantedBy: ann.id,
      expiresAt: null,
    });
    for (const id of [folder, inner, file]) expect((await look(bob, id)).body.role).toBe('editor');
    expect((await look(bob, file)).body.path).toBe('/shared/inner/a.txt');
    expect((await look(bob, beside)).status).toBe(404);
    expect((await bob.upload('new.txt', 'new', { parentId: inner })).status).toBe(201);
    expect(await lastAudit(folder)).toMatchObject({
      action: 'grant.create',
      actor_id: ann.id,
      details: { principal: bob.id, role: 'editor', expiresAt: null },
    });
  });

  test('taken back is gone with the next request, and so is one that is over', async () => {
    const [ann, bob] = await people();
    const file = await ann.file('a.txt');
    const { body } = await grant(ann, file, toUser(bob), 'viewer');
    expect((await look(bob, file)).status).toBe(200);
    expect((await ann.call('DELETE', `/v1/files/${file}/grants/${body.id}`)).status).toBe(204);
    const gone = await look(bob, file);
    expect(without(gone)).toEqual(without(await look(bob, newId('file'))));
    expect((await ann.call('DELETE', `/v1/files/${file}/grants/${body.id}`)).body.code).toBe(
      'grant_not_found',
    );

    const soon = new Date(Date.now() + 60_000).toISOString();
    const again = await grant(ann, file, toUser(bob), 'viewer', { expiresAt: soon });
    expect(again.body.expiresAt).toBe(soon);
    await system.query(
      `update storage.grants set expires_at = now() - interval '1 s' where id = '${idToUuid(again.body.id)}'`,
    );
    expect((await look(bob, file)).status).toBe(404);
    expect((await bob.call('GET', '/v1/shared')).body.items).toEqual([]);
    const past = await grant(ann, file, toUser(bob), 'viewer', { expiresAt: '2020-01-01T00:00:00Z' });
    expect(past.body.code).toBe('invalid_request');
  });

  test('to the same principal sets the role anew, also of any number at once', async () => {
    const [ann, bob] = await people();
    const folder = await ann.folder('f');
    await ann.file('x.txt', 'x', folder);
    const roles = ['viewer', 'editor', 'commenter', 'viewer', 'editor', 'manager'];
    const answers = await Promise.all(roles.map((role) => grant(ann, folder, toUser(bob), role)));
    expect(answers.map(({ status }) => status)).toEqual(roles.map(() => 201));
    const { items } = (await ann.call('GET', `/v1/files/${folder}/grants`)).body;
    expect(items).toHaveLength(1);
    expect((await look(bob, folder)).body.role).toBe(items[0].role);
    const changed = await ann.call('PATCH', `/v1/files/${folder}/grants/${items[0].id}`, {
      json: { role: 'commenter' },
    });
    expect(changed.body).toMatchObject({ id: items[0].id, role: 'commenter', expiresAt: null });
    expect((await look(bob, folder)).body.role).toBe('commenter');
  });

  test('is for managers: others are told which role they need, strangers that there is nothing', async () => {
    const [ann, bob, eve] = await people();
    const file = await ann.file('a.txt');
    const { body } = await grant(ann, file, toUser(bob), 'editor');
    const calls = (who: TestUser, id: string, grantId: string) => [
      who.call('GET', `/v1/files/${id}/grants`),
      grant(who, id, toUser(eve), 'viewer'),
      grant(who, id, { kind: 'user', email: 'nobody@example.com' }, 'viewer'),
      who.call('PATCH', `/v1/files/${id}/grants/${grantId}`, { json: { role: 'manager' } }),
      who.call('DELETE', `/v1/files/${id}/grants/${grantId}`),
      who.call('GET', `/v1/files/${id}/access?userId=${ann.id}`),
    ];
    for (const answer of await Promise.all(calls(bob, file, body.id))) {
      expect(answer.body).toMatchObject({
        status: 403,
        code: 'role_required',
        detail: 'This needs the role manager; yours is editor.',
      });
    }
    const theirs = await Promise.all(calls(eve, file, body.id));
    const random = await Promise.all(calls(eve, newId('file'), newId('grt')));
    expect(theirs.map(without)).toEqual(random.map(without));
    expect(theirs.every(({ status }) => status === 404)).toBe(true);
    expect((await look(bob, file)).body.role).toBe('editor');
  });

  test('of another file cannot be changed through this one', async () => {
    const [ann, bob, eve] = await people();
    const theirs = await ann.file('a.txt');
    const { body } = await grant(ann, theirs, toUser(bob), 'viewer');
    const own = await eve.file('b.txt');
    const patch = { json: { role: 'manager' } };
    expect((await eve.call('PATCH', `/v1/files/${own}/grants/${body.id}`, patch)).body.code).toBe(
      'grant_not_found',
    );
    expect((await eve.call('DELETE', `/v1/files/${own}/grants/${body.id}`)).body.code).toBe(
      'grant_not_found',
    );
    expect((await look(bob, theirs)).body.role).toBe('viewer');
  });

  test('goes only to those whom one can know: accounts, and groups and workspaces of one’s own', async () => {
    const [ann, bob, eve] = await people();
    const own = await system.newWorkspace([
      [ann, 'owner'],
      [bob, 'member'],
    ]);
    const other = await system.newWorkspace([[eve, 'owner']]);
    const group = await system.newGroup(own, [bob]);
    const otherGroup = await system.newGroup(other, [eve]);
    const file = await ann.file('a.txt');
    for (const principal of [
      { kind: 'group', id: otherGroup },
      { kind: 'workspace', id: other },
      { kind: 'group', id: newId('grp') },
      { kind: 'workspace', id: `wsp_${bob.id.slice(4)}` },
      { kind: 'user', id: `usr_${own.slice(4)}` },
      { kind: 'user', id: newId('usr') },
      { kind: 'user', email: 'nobody@example.com' },
    ])
      expect((await grant(ann, file, principal, 'viewer')).body.code, JSON.stringify(principal)).toBe(
        'principal_not_found',
      );
    expect((await grant(ann, file, toUser(ann), 'none')).body.code).toBe('owner_has_all');
    expect((await grant(ann, file, { kind: 'group', id: group }, 'viewer')).status).toBe(201);
    expect((await look(bob, file)).body.role).toBe('viewer');
    expect((await grant(ann, file, { kind: 'workspace', id: own }, 'editor')).status).toBe(201);
    expect((await look(bob, file)).body.role).toBe('editor');
    // Who leaves the workspace has left its groups in the same instant.
    await system.removeMember(own, bob);
    expect((await look(bob, file)).status).toBe(404);
    expect((await bob.call('GET', '/v1/shared')).body.items).toEqual([]);
  });

  test('cannot be written into with fields of the server', async () => {
    const [ann, bob, eve] = await people();
    const file = await ann.file('a.txt');
    for (const more of [
      { id: newId('grt') },
      { grantedBy: eve.id },
      { fileId: newId('file') },
      { inherited: true },
    ])
      expect((await grant(ann, file, toUser(bob), 'viewer', more)).body.code).toBe('invalid_request');
    for (const principal of [
      { kind: 'user', id: bob.id, email: 'a@example.com' },
      { kind: 'user' },
      { kind: 'drive', id: bob.id },
      { kind: 'user', id: "usr_' or true --" },
      { kind: 'user', email: "x' or '1'='1@example.com" },
    ])
      expect((await grant(ann, file, principal, 'viewer')).body.code).toBe('invalid_request');
    expect((await grant(ann, file, toUser(bob), 'owner')).body.code).toBe('invalid_request');
  });

  test('by address is limited, so that nobody learns who has an account', async () => {
    const [ann] = await people();
    const file = await ann.file('a.txt');
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '0.02' });
    const ask = () =>
      strict.call('POST', `/v1/files/${file}/grants`, {
        token: ann.token,
        json: { principal: { kind: 'user', email: 'nobody@example.com' }, role: 'viewer' },
      });
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([404, 404, 429]);
  });

  test('tells whom it concerns, also whoever has just lost it', async () => {
    const [ann, bob] = await people();
    const file = await ann.file('a.txt');
    const { body } = await grant(ann, file, toUser(bob), 'viewer');
    await ann.call('DELETE', `/v1/files/${file}/grants/${body.id}`);
    const told = await system.query(`select o.payload->>'role' as role from storage.changes c
      join storage.outbox o on o.id = c.event_id
      where c.principal_id = '${idToUuid(bob.id)}' and o.type = 'access.changed' order by o.id`);
    expect(told).toEqual([{ role: 'viewer' }, { role: null }]);
  });
});

test('a right that is lost while the bytes come leaves nothing behind', async () => {
  const [ann, bob] = await people();
  const folder = await ann.folder('shared');
  const file = await ann.file('old.txt', 'before', folder);
  const { body } = await grant(ann, folder, toUser(bob), 'editor');
  const lost = Promise.withResolvers<void>();
  const late = () => ({
    headers: { 'content-length': '5' },
    body: new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('lat'));
        await lost.promise;
        controller.enqueue(new TextEncoder().encode('er'));
        controller.close();
      },
    }),
  });
  const answers = [
    bob.call('POST', `/v1/files?name=new.txt&parentId=${folder}`, late()),
    bob.call('PUT', `/v1/files/${file}/content`, late()),
  ];
  const begun = `select 1 from storage.uploads where user_id = '${idToUuid(bob.id)}'`;
  while ((await system.query(begun)).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await ann.call('DELETE', `/v1/files/${folder}/grants/${body.id}`);
  lost.resolve();
  const codes = (await Promise.all(answers)).map((answer) => answer.body.code);
  expect(codes).toEqual(['folder_not_found', 'file_not_found']);
  const { items } = (await ann.call('GET', `/v1/files?parentId=${folder}`)).body;
  expect(items).toMatchObject([{ id: file, version: { number: 1 } }]);
});

describe('nearer rules', () => {
  test('`none` shuts a part of a folder for a person, with all that is derived from it', async () => {
    const [ann, bob] = await people();
    const folder = await ann.folder('project');
    const secret = await ann.folder('secret', folder);
    const file = await ann.file('s.txt', 's', secret);
    const open = await ann.file('o.txt', 'o', folder);
    await grant(ann, folder, toUser(bob), 'editor');
    await grant(ann, secret, toUser(bob), 'none');
    expect((await look(bob, open)).body.role).toBe('editor');
    for (const path of [
      '',
      '/content',
      '/versions',
      '/thumbnail',
      '/access',
      '/grants',
      '/comments',
      '/links',
    ])
      expect((await bob.call('GET', `/v1/files/${file}${path}`)).status, path).toBe(404);
    const { items } = (await bob.call('GET', `/v1/files?parentId=${folder}`)).body;
    expect(items.map((item: { id: string }) => item.id)).toEqual([open]);
    expect((await bob.call('GET', `/v1/files?parentId=${secret}`)).status).toBe(404);
  });

  test('nobody shuts out a workspace’s managers, nor who gave the grant to themselves', async () => {
    const [owner, member, outsider] = await people();
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const { id } = (await owner.upload('w.txt', 'w', { driveId })).body;
    await grant(owner, id, toUser(outsider), 'manager');
    const asWorkspace = { kind: 'workspace', id: driveId };
    // The outsider manages the file, but is in no workspace that could be named.
    expect((await grant(outsider, id, asWorkspace, 'none')).body.code).toBe('principal_not_found');
    expect((await grant(outsider, id, toUser(owner), 'none')).status).toBe(201);
    expect((await look(owner, id)).body.role).toBe('manager');
    expect((await grant(owner, id, asWorkspace, 'none')).status).toBe(201);
    expect((await look(member, id)).status).toBe(404);
    expect((await look(owner, id)).body.role).toBe('manager');
  });

  test('scopes in a scope hang together, whichever came first', async () => {
    const [ann, bob, eve] = await people();
    const top = await ann.folder('top');
    const middle = await ann.folder('middle', top);
    const file = await ann.file('f.txt', 'f', middle);
    const trashed = await ann.file('t.txt', 't', middle);
    await ann.call('DELETE', `/v1/files/${trashed}`);
    await grant(ann, file, toUser(bob), 'viewer');
    await grant(ann, top, toUser(eve), 'editor');
    await grant(ann, middle, toUser(eve), 'commenter');
    expect((await look(eve, file)).body.role).toBe('commenter');
    expect((await look(bob, file)).body.role).toBe('viewer');
    const rows = await system.query(`select f.name, s.name as scope, p.name as parent from storage.files f
      join storage.files s on s.id = f.scope_id join storage.scopes sc on sc.id = f.scope_id
      left join storage.files p on p.id = sc.parent_id where f.drive_id = '${idToUuid(ann.id)}' order by f.name`);
    expect(rows).toEqual([
      { name: 'f.txt', scope: 'f.txt', parent: 'middle' },
      { name: 'middle', scope: 'middle', parent: 'top' },
      { name: 't.txt', scope: 'middle', parent: 'top' },
      { name: 'top', scope: 'top', parent: null },
    ]);
  });
});

describe('who can do what', () => {
  test('is told to managers by rule, and to others about themselves', async () => {
    const [ann, bob, eve] = await people();
    const workspace = await system.newWorkspace([
      [ann, 'member'],
      [bob, 'member'],
    ]);
    const folder = await ann.folder('f');
    const file = await ann.file('a.txt', 'a', folder);
    const above = (await grant(ann, folder, { kind: 'workspace', id: workspace }, 'viewer')).body;
    const own = (await grant(ann, file, toUser(bob), 'editor')).body;
    const all = (await ann.call('GET', `/v1/files/${file}/access`)).body.items;
    expect(all[0]).toMatchObject({
      principal: { kind: 'user', id: ann.id },
      role: 'manager',
      rule: { kind: 'drive_owner', inherited: true },
    });
    expect(all.slice(1)).toHaveLength(2);
    expect(all).toContainEqual(
      expect.objectContaining({
        principal: { kind: 'workspace', id: workspace, name: 'Team', email: null },
        role: 'viewer',
        rule: { kind: 'grant', workspaceRole: null, grantId: above.id, fileId: folder, inherited: true },
      }),
    );
    const paged = (await ann.call('GET', `/v1/files/${file}/access?limit=1`)).body;
    const rest = (await ann.call('GET', `/v1/files/${file}/access?limit=1&cursor=${paged.nextCursor}`)).body;
    expect([...paged.items, ...rest.items]).toEqual(all);
    expect(rest.nextCursor).toBeNull();
    expect((await bob.call('GET', `/v1/files/${file}/access`)).body.items).toEqual([
      expect.objectContaining({
        role: 'editor',
        rule: { kind: 'grant', workspaceRole: null, grantId: own.id, fileId: file, inherited: false },
      }),
    ]);
    const nothing = await ann.call('GET', `/v1/files/${file}/access?userId=${eve.id}`);
    expect(nothing.body.items).toMatchObject([{ principal: { id: eve.id }, role: 'none', rule: null }]);
    const nobody = await ann.call('GET', `/v1/files/${file}/access?userId=${newId('usr')}`);
    expect(nobody.body.code).toBe('principal_not_found');
  });

  test('names the role in the workspace whose drive it is', async () => {
    const [owner, viewer, guest] = await people();
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [viewer, 'viewer'],
    ]);
    const { id } = (await owner.upload('w.txt', 'w', { driveId })).body;
    const { items } = (await owner.call('GET', `/v1/files/${id}/access`)).body;
    expect(
      items.map((item: { role: string; rule: { workspaceRole: string } }) => [
        item.rule.workspaceRole,
        item.role,
      ]),
    ).toEqual([
      ['admin', 'manager'],
      ['owner', 'manager'],
      ['member', 'editor'],
      ['viewer', 'viewer'],
    ]);
    const one = await owner.call('GET', `/v1/files/${id}/access?userId=${viewer.id}`);
    expect(one.body.items[0]).toMatchObject({
      role: 'viewer',
      rule: { kind: 'workspace_role', workspaceRole: 'viewer' },
    });
    expect((await guest.call('GET', `/v1/files/${id}/access`)).status).toBe(404);
  });

  test('does not name folders above that a manager of the file does not see', async () => {
    const [ann, bob, eve] = await people();
    const folder = await ann.folder('hidden');
    const file = await ann.file('a.txt', 'a', folder);
    await grant(ann, folder, toUser(eve), 'viewer');
    await grant(ann, file, toUser(bob), 'manager');
    const { body } = await bob.call('GET', `/v1/files/${file}/grants`);
    expect(body.items).toMatchObject([
      { principal: { id: eve.id }, inherited: true, fileId: null },
      { principal: { id: bob.id }, inherited: false, fileId: file },
    ]);
    expect(JSON.stringify(body)).not.toContain(folder);
    expect(JSON.stringify((await bob.call('GET', `/v1/files/${file}/access`)).body)).not.toContain(folder);
  });
});

describe('what is shared with me', () => {
  test('is listed with the role, newest first, without what is mine or my workspace’s', async () => {
    const [ann, bob] = await people();
    const driveId = await system.newWorkspace([
      [ann, 'owner'],
      [bob, 'member'],
    ]);
    const group = await system.newGroup(driveId, [bob]);
    const inWorkspace = (await ann.upload('w.txt', 'w', { driveId })).body.id;
    await grant(ann, inWorkspace, toUser(bob), 'manager');
    const direct = await ann.file('direct.txt');
    const byGroup = await ann.folder('by group');
    await ann.file('below.txt', 'x', byGroup);
    await grant(ann, direct, toUser(bob), 'viewer');
    await grant(ann, byGroup, { kind: 'group', id: group }, 'commenter');
    const first = (await bob.call('GET', '/v1/shared?limit=1')).body;
    const second = (await bob.call('GET', `/v1/shared?limit=1&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items]).toMatchObject([
      { id: byGroup, role: 'commenter', path: '/by group', parentId: null },
      { id: direct, role: 'viewer' },
    ]);
    expect(second.nextCursor).toBeNull();
    await ann.call('DELETE', `/v1/files/${direct}`);
    expect((await bob.call('GET', '/v1/shared')).body.items).toMatchObject([{ id: byGroup }]);
  });

  test('can be left, however it came, and nobody gains by leaving', async () => {
    const [ann, bob, eve] = await people();
    const workspace = await system.newWorkspace([
      [ann, 'owner'],
      [bob, 'member'],
    ]);
    const group = await system.newGroup(workspace, [bob]);
    const folder = await ann.folder('f');
    const below = await ann.file('x.txt', 'x', folder);
    await grant(ann, folder, { kind: 'group', id: group }, 'editor');
    await grant(ann, folder, toUser(bob), 'viewer');
    expect((await look(bob, below)).body.role).toBe('viewer');
    expect((await bob.call('DELETE', `/v1/shared/${below}`)).body.code).toBe('file_not_found');
    const stranger = await eve.call('DELETE', `/v1/shared/${folder}`);
    expect(without(stranger)).toEqual(without(await eve.call('DELETE', `/v1/shared/${newId('file')}`)));
    expect((await bob.call('DELETE', `/v1/shared/${folder}`)).status).toBe(204);
    expect((await look(bob, below)).status).toBe(404);
    expect((await look(bob, folder)).status).toBe(404);
    expect((await bob.call('GET', '/v1/shared')).body.items).toEqual([]);
    expect((await bob.call('DELETE', `/v1/shared/${folder}`)).status).toBe(404);
    expect(await lastAudit(folder)).toMatchObject({ action: 'grant.leave', actor_id: bob.id });
    // The owner can share it with them again.
    await grant(ann, folder, toUser(bob), 'commenter');
    expect((await look(bob, below)).body.role).toBe('commenter');
    expect((await ann.call('DELETE', `/v1/shared/${folder}`)).status).toBe(404);
  });
});
