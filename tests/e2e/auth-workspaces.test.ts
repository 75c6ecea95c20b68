import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount, newEmail } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { query, tablesWith } from './harness/database.ts';
import { tokenSentTo } from './harness/mail.ts';
import { newPrincipal, type TestPrincipal } from './harness/principals.ts';
import { workspaceSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const membersSchema = z.object({ items: z.array(z.looseObject({ userId: z.string(), role: z.string() })) });
const invitationSchema = z.looseObject({ id: z.string().regex(/^inv_/) });

const uuid = (id: string) => id.slice(4);
const accept = (client: Client, token: string) =>
  client.call('POST', '/v1/invitations/accept', { json: { token } });

let workspace: string;
let owner: Client;
let ownerId: string;
let guest: Account;

beforeAll(async () => {
  const principal = await newPrincipal(installation);
  ownerId = principal.userId;
  owner = api.as(principal.token);
  const made = await owner.call('POST', '/v1/workspaces', { json: { name: 'Observatory' } });
  workspace = bodyOf(made, 201, workspaceSchema).id;
  guest = await newAccount(api);
});

const path = (rest = '') => `/v1/workspaces/${workspace}${rest}`;
const invite = async (email: string, role = 'member') =>
  bodyOf(await owner.call('POST', path('/invitations'), { json: { email, role } }), 201, invitationSchema);
const join = async (principal: TestPrincipal, role: string) => {
  await query(
    installation,
    'insert into auth.workspace_members (workspace_id, user_id, role) values ($1::uuid, $2::uuid, $3)',
    [uuid(workspace), uuid(principal.userId), role],
  );
  return api.as(principal.token);
};

describe('an invitation', () => {
  let token: string;

  it('comes by e-mail; its token is in no answer and not in the database', async () => {
    const answer = await owner.call('POST', path('/invitations'), {
      json: { email: guest.email, role: 'member' },
    });
    token = await tokenSentTo(installation, guest.email, 'accept-invitation');
    expect(new TextDecoder().decode(answer.bytes)).not.toContain(token);
    const listed = await owner.call('GET', path('/invitations'));
    expect(new TextDecoder().decode(listed.bytes)).not.toContain(token);
    expect(await tablesWith(installation, token)).toEqual([]);
  });

  it('is for whoever has proven that the address is theirs', async () => {
    const stranger = api.as((await newPrincipal(installation)).token);
    expect(refusal(await accept(stranger, token))).toBe('403 invitation_for_another_address');
    expect(refusal(await accept(guest.api, token))).toBe('403 invitation_for_another_address');
    await query(installation, 'update auth.users set email_verified_at = now() where id = $1::uuid', [
      uuid(guest.tokens.user.id),
    ]);
    expect(refusal(await guest.api.call('GET', path()))).toBe('404 workspace_not_found');
    const joined = bodyOf(await accept(guest.api, token), 200, workspaceSchema);
    expect(joined).toMatchObject({ id: workspace, name: 'Observatory', role: 'member' });
    expect((await guest.api.call('GET', path())).status).toBe(200);
  });

  it('works once, until it is revoked, for a week, and for the newest token only', async () => {
    expect(refusal(await accept(guest.api, token))).toBe('400 invalid_token');
    const email = newEmail();
    const revoked = await invite(email);
    const first = await tokenSentTo(installation, email, 'accept-invitation');
    expect((await owner.call('DELETE', path(`/invitations/${revoked.id}`))).status).toBe(204);
    const late = newEmail();
    const { id } = await invite(late);
    const second = await tokenSentTo(installation, late, 'accept-invitation');
    await query(
      installation,
      `update auth.invitations set expires_at = now() - interval '1 second' where id = $1::uuid`,
      [uuid(id)],
    );
    for (const one of [first, second])
      expect(refusal(await accept(guest.api, one))).toBe('400 invalid_token');
  });

  it('gives no more than its sender has, and never ownership', async () => {
    const member = await join(await newPrincipal(installation), 'member');
    const admin = await join(await newPrincipal(installation), 'admin');
    const as = (client: Client, role: string) =>
      client.call('POST', path('/invitations'), { json: { email: newEmail(), role } });
    expect(refusal(await as(member, 'viewer'))).toBe('403 permission_denied');
    expect(refusal(await as(owner, 'owner'))).toBe('400 invalid_request');
    expect(refusal(await as(owner, 'no-such-role'))).toMatch(/^4\d\d (role_not_found|invalid_request)$/);
    expect((await as(admin, 'member')).status).toBe(201);
  });
});

describe('a member', () => {
  it('who is removed sees nothing of it from then on', async () => {
    const { id } = guest.tokens.user;
    expect((await guest.api.call('GET', path('/members'))).status).toBe(200);
    expect((await owner.call('DELETE', path(`/members/${id}`))).status).toBe(204);
    for (const rest of ['', '/members', '/groups', '/invitations', '/policy', '/audit', '/service-accounts'])
      expect(refusal(await guest.api.call('GET', path(rest))), rest).toBe('404 workspace_not_found');
    const listed = await guest.api.call('GET', '/v1/workspaces');
    expect(new TextDecoder().decode(listed.bytes)).not.toContain(workspace);
  });

  it('whose role shrinks has no more than the new one from then on', async () => {
    const principal = await newPrincipal(installation);
    const admin = await join(principal, 'admin');
    expect((await admin.call('PATCH', path(), { json: { name: 'Renamed' } })).status).toBe(200);
    const answer = await owner.call('PATCH', path(`/members/${principal.userId}`), {
      json: { role: 'viewer' },
    });
    expect(answer.status, refusal(answer)).toBe(200);
    expect(refusal(await admin.call('PATCH', path(), { json: { name: 'Again' } }))).toBe(
      '403 permission_denied',
    );
    expect((await admin.call('GET', path())).status).toBe(200);
  });

  it('cannot make themselves, or anybody, more than they are', async () => {
    const admin = await newPrincipal(installation);
    const viewer = await newPrincipal(installation);
    const asAdmin = await join(admin, 'admin');
    const asViewer = await join(viewer, 'viewer');
    const change = (client: Client, userId: string, role: string) =>
      client.call('PATCH', path(`/members/${userId}`), { json: { role } });
    expect(refusal(await change(asViewer, viewer.userId, 'admin'))).toBe('403 permission_denied');
    expect(refusal(await change(asAdmin, admin.userId, 'owner'))).toMatch(/^40[03] /);
    expect(refusal(await change(asAdmin, ownerId, 'viewer'))).toBe('403 permission_denied');
    expect(refusal(await asAdmin.call('DELETE', path(`/members/${ownerId}`)))).toBe('403 permission_denied');
  });
});

describe('an owner', () => {
  it('cannot leave a workspace without one, and can after a transfer', async () => {
    expect(refusal(await owner.call('POST', path('/leave')))).toBe('409 last_owner');
    const heir = await newPrincipal(installation);
    const asHeir = await join(heir, 'member');
    const given = await owner.call('POST', path('/transfer'), { json: { userId: heir.userId } });
    expect(given.status, refusal(given)).toBeLessThan(300);
    expect((await owner.call('POST', path('/leave'))).status).toBe(204);
    expect(refusal(await owner.call('GET', path()))).toBe('404 workspace_not_found');
    const { items } = bodyOf(await asHeir.call('GET', path('/members')), 200, membersSchema);
    expect(items.filter(({ role }) => role === 'owner').map(({ userId }) => userId)).toEqual([heir.userId]);
  });
});
