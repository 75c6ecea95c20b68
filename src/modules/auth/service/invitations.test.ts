import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import {
  principalsOf,
  rolesIn,
  type TestWorkspace,
  verifyEmail,
  workspaceOfFour,
} from '../testing/test-workspace.ts';

let system: TestSystem;
let guest: TestAccount;
let stranger: TestAccount;
let workspace: TestWorkspace;

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1000' });
  [guest, stranger] = await Promise.all([system.register(), system.register()]);
  await verifyEmail(system, guest);
  await verifyEmail(system, stranger);
}, 120_000);
beforeEach(async () => {
  workspace = await workspaceOfFour(system);
});
afterAll(() => system.close());

const refusedAs = (status: number, code: string) => ({ status, body: { code } });
const invite = (by: TestAccount, email: string, role = 'member') =>
  by.call('POST', workspace.at('/invitations'), { json: { email, role } });
const accept = (who: TestAccount, token: string) =>
  who.call('POST', '/v1/invitations/accept', { json: { token } });

/** The token of the newest e-mail to this address. */
async function tokenFor(email: string): Promise<string> {
  await system.settled();
  const mail = system.emails.findLast(({ to }) => to.includes(email));
  const token = /accept-invitation#token=([A-Za-z0-9_-]{43})/.exec(mail?.text ?? '')?.[1];
  if (token === undefined) throw new Error(`no invitation was sent to ${email}`);
  return token;
}

describe('an invitation', () => {
  test('reaches its address by e-mail only, and lets it in with its role, once', async () => {
    const sent = await invite(workspace.people.admin, guest.email, 'viewer');
    expect(sent).toMatchObject({ status: 201, body: { email: guest.email, role: 'viewer' } });
    const token = await tokenFor(guest.email);
    expect(JSON.stringify(sent.body)).not.toContain(token);
    const stored = await system.db.execute(sql`select to_jsonb(i)::text as row from auth.invitations i`);
    expect(JSON.stringify(stored.rows)).not.toContain(token);
    expect((await workspace.people.admin.call('GET', workspace.at('/invitations'))).body.items).toEqual([
      sent.body,
    ]);

    const answers = await Promise.all(Array.from({ length: 20 }, () => accept(guest, token)));
    expect(answers.filter(({ status }) => status === 200).map(({ body }) => [body.id, body.role])).toEqual([
      [workspace.id, 'viewer'],
    ]);
    for (const answer of answers.filter(({ status }) => status !== 200))
      expect(answer).toMatchObject(refusedAs(400, 'invalid_token'));
    expect((await rolesIn(system, workspace.id))[guest.id]).toBe('viewer');
    expect(await principalsOf(system, guest.id)).toContain(idToUuid(workspace.id));
    expect((await workspace.people.admin.call('GET', workspace.at('/invitations'))).body.items).toEqual([]);
  });

  test('is for the invited address alone, verified; whoever else tries leaves it as it was', async () => {
    await invite(workspace.people.owner, guest.email.toUpperCase());
    const token = await tokenFor(guest.email.toUpperCase());
    expect(await accept(stranger, token)).toMatchObject(refusedAs(403, 'invitation_for_another_address'));
    const id = sql`${idToUuid(guest.id)}::uuid`;
    await system.db.execute(sql`update auth.users set email_verified_at = null where id = ${id}`);
    expect(await accept(guest, token)).toMatchObject(refusedAs(403, 'invitation_for_another_address'));
    expect(Object.keys(await rolesIn(system, workspace.id))).not.toContain(guest.id);
    await verifyEmail(system, guest);
    expect(await accept(guest, token)).toMatchObject({ status: 200, body: { role: 'member' } });
  });

  test('changes nothing for whoever became a member meanwhile', async () => {
    await invite(workspace.people.admin, guest.email, 'admin');
    const token = await tokenFor(guest.email);
    await system.db.execute(sql`insert into auth.workspace_members (workspace_id, user_id, role)
      values (${idToUuid(workspace.id)}::uuid, ${idToUuid(guest.id)}::uuid, 'viewer')`);
    expect(await accept(guest, token)).toMatchObject({ status: 200, body: { role: 'viewer' } });
    expect((await rolesIn(system, workspace.id))[guest.id]).toBe('viewer');
    expect(await invite(workspace.people.admin, guest.email)).toMatchObject(refusedAs(409, 'already_member'));
  });

  test('is replaced by a newer one to the same address', async () => {
    await invite(workspace.people.admin, guest.email, 'admin');
    const older = await tokenFor(guest.email);
    await invite(workspace.people.admin, guest.email, 'viewer');
    const newer = await tokenFor(guest.email);
    expect(await accept(guest, older)).toMatchObject(refusedAs(400, 'invalid_token'));
    expect(await accept(guest, newer)).toMatchObject({ status: 200, body: { role: 'viewer' } });
  });

  test.each([
    ['expired', (id: string) => sql`update auth.invitations set expires_at = now() where id = ${id}::uuid`],
    ['revoked', (id: string) => sql`update auth.invitations set revoked_at = now() where id = ${id}::uuid`],
    [
      'sent by somebody who was disabled since',
      (id: string) => sql`update auth.invitations i set invited_by = u.id from auth.users u
        where i.id = ${id}::uuid and u.email = 'disabled@example.com'`,
    ],
    [
      'to a workspace that is deleted',
      (id: string) => sql`update auth.workspaces w set deleted_at = now() from auth.invitations i
        where i.id = ${id}::uuid and w.id = i.workspace_id`,
    ],
  ])('opens nothing when it is %s', async (_, spoil) => {
    await system.db.execute(sql`insert into auth.users (id, email, disabled_at)
      values (gen_random_uuid(), 'disabled@example.com', now()) on conflict do nothing`);
    const { body } = await invite(workspace.people.admin, guest.email);
    const token = await tokenFor(guest.email);
    await system.db.execute(spoil(idToUuid(body.id)));
    expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
    expect(Object.keys(await rolesIn(system, workspace.id))).not.toContain(guest.id);
  });

  test('dies when its inviter may not invite any more, and does not come back with them', async () => {
    const { owner, admin } = workspace.people;
    await invite(admin, guest.email);
    const token = await tokenFor(guest.email);
    const setRole = (role: string) =>
      owner.call('PATCH', workspace.at(`/members/${admin.id}`), { json: { role } });
    await setRole('member');
    expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
    await owner.call('DELETE', workspace.at(`/members/${admin.id}`));
    await system.db.execute(sql`insert into auth.workspace_members (workspace_id, user_id, role)
      values (${idToUuid(workspace.id)}::uuid, ${idToUuid(admin.id)}::uuid, 'admin')`);
    expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
  });

  test('is taken back by whoever may invite, and is nothing to other workspaces', async () => {
    const other = await workspaceOfFour(system, { newPeople: true });
    const { body } = await invite(workspace.people.admin, guest.email);
    const token = await tokenFor(guest.email);
    for (const id of [body.id, newId('inv')])
      expect(await other.people.owner.call('DELETE', other.at(`/invitations/${id}`))).toMatchObject(
        refusedAs(404, 'invitation_not_found'),
      );
    const revoke = () => workspace.people.owner.call('DELETE', workspace.at(`/invitations/${body.id}`));
    expect(await revoke()).toMatchObject({ status: 204 });
    expect(await revoke()).toMatchObject(refusedAs(404, 'invitation_not_found'));
    expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
  });
});

describe('inviting', () => {
  test('with a key gives no role that manages anything', async () => {
    const scopes = ['workspaces:read', 'workspaces:write'];
    const { owner } = workspace.people;
    const made = await owner.call('POST', '/v1/auth/api-keys', { json: { name: 'x', scopes } });
    const program = (role: string) =>
      owner.call('POST', workspace.at('/invitations'), {
        json: { email: `${crypto.randomUUID()}@example.com`, role },
        token: made.body.key,
      });
    expect(await program('admin')).toMatchObject(refusedAs(403, 'permission_denied'));
    expect((await program('member')).status).toBe(201);
    expect((await invite(owner, `${crypto.randomUUID()}@example.com`, 'admin')).status).toBe(201);
  });

  test.each([
    ['an owner', { email: 'new@example.com', role: 'owner' }],
    ['an address with a line break', { email: 'new@example.com\r\nBcc: a@example.com', role: 'member' }],
    ['an address with a look-alike letter', { email: 'nеw@example.com', role: 'member' }],
    ['an inviter of one’s choice', { email: 'new@example.com', role: 'member', invitedBy: newId('usr') }],
  ])('%s is refused', async (_, json) => {
    const answer = await workspace.people.owner.call('POST', workspace.at('/invitations'), { json });
    expect(answer).toMatchObject(refusedAs(400, 'invalid_request'));
  });

  test('into a role above the own one, or one that does not exist, is refused', async () => {
    await system.db.execute(sql`insert into auth.roles (scope, name, permissions) values
      ('workspace', 'recruiter', '{workspace:read,invitations:write}') on conflict do nothing`);
    const { owner, member } = workspace.people;
    await owner.call('PATCH', workspace.at(`/members/${member.id}`), { json: { role: 'recruiter' } });
    expect(await invite(member, 'new@example.com', 'admin')).toMatchObject(
      refusedAs(403, 'permission_denied'),
    );
    expect(await invite(member, 'new@example.com', 'made-up')).toMatchObject(
      refusedAs(404, 'role_not_found'),
    );
    expect(await invite(member, 'new@example.com', 'recruiter')).toMatchObject({ status: 201 });
  });

  test('keeps to the domains that the policies of workspace and deployment allow, until it is accepted', async () => {
    const setPolicy = (id: string | null, domain: string) =>
      system.db.execute(sql`insert into auth.policies (workspace_id, policy) values (
        ${id && idToUuid(id)}::uuid, ${JSON.stringify({ allowedEmailDomains: [domain, 'both.example'] })}::jsonb)`);
    await invite(workspace.people.admin, guest.email);
    const token = await tokenFor(guest.email);
    await setPolicy(workspace.id, 'here.example');
    await setPolicy(null, 'everywhere.example');
    try {
      for (const email of [
        'a@here.example',
        'a@everywhere.example',
        'a@both.example.evil',
        'a@x.both.example',
      ])
        expect(await invite(workspace.people.admin, email)).toMatchObject(
          refusedAs(403, 'email_domain_not_allowed'),
        );
      expect(await invite(workspace.people.admin, 'a@BOTH.example')).toMatchObject({ status: 201 });
      expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
    } finally {
      await system.db.execute(sql`delete from auth.policies`);
    }
  });

  test('is limited for each inviter and for each address, and strangers use up nothing', async () => {
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const path = workspace.at('/invitations');
    const to = { json: { email: `${crypto.randomUUID()}@example.com`, role: 'member' } };
    const by = (who: TestAccount) => strict.call('POST', path, { ...to, token: who.accessToken });
    for (let count = 0; count < 12; count += 1)
      expect(await by(stranger)).toMatchObject(refusedAs(404, 'workspace_not_found'));
    const statuses = [];
    for (let count = 0; count < 11; count += 1) statuses.push((await by(workspace.people.admin)).status);
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 201), 429]);
    const refused = await by(workspace.people.owner);
    expect(refused).toMatchObject(refusedAs(429, 'too_many_requests'));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

test('a made-up token opens nothing', async () => {
  for (const token of ['x', 'A'.repeat(43), "' or true --"])
    expect(await accept(guest, token)).toMatchObject(refusedAs(400, 'invalid_token'));
});

test('with registration by invitation, an open invitation lets its address register, and no other', async () => {
  const invited = system.withEnv({ REGISTRATION: 'invited' });
  const email = `${crypto.randomUUID()}@example.com`;
  await invite(workspace.people.admin, email);
  const invitationToken = await tokenFor(email);
  const register = (address: string) =>
    invited.call('POST', '/v1/auth/register', {
      json: { email: address, password: `unguessable ${crypto.randomUUID()}`, invitationToken },
    });
  expect((await register(`${crypto.randomUUID()}@example.com`)).status).toBeGreaterThanOrEqual(400);
  expect((await register(email)).status).toBeLessThan(300);
});
