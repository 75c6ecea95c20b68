import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import { type Answer, startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import { type TestWorkspace, WORKSPACE_ROLES, workspaceOfFour } from '../testing/test-workspace.ts';

let system: TestSystem;
let stranger: TestAccount;
let workspace: TestWorkspace;
let ids: Ids;

interface Ids {
  readonly group: string;
  readonly invitation: string;
  readonly user: string;
}

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1000' });
  stranger = await system.register();
}, 120_000);
beforeEach(async () => {
  workspace = await workspaceOfFour(system);
  const { owner, viewer } = workspace.people;
  const group = (await owner.call('POST', workspace.at('/groups'), { json: { name: 'Editors' } })).body.id;
  await owner.call('PUT', workspace.at(`/groups/${group}/members/${viewer.id}`));
  const json = { email: 'invited@example.com', role: 'viewer' };
  const invitation = (await owner.call('POST', workspace.at('/invitations'), { json })).body.id;
  ids = { group, invitation, user: viewer.id };
});
afterAll(() => system.close());

type Operation = readonly [method: string, path: (ids: Ids) => string, json?: (ids: Ids) => object];
type Cell = number | string;
/** Status, or the code of the refusal, of owner, admin, member and viewer; strangers get `workspace_not_found`. */
const NO = 'permission_denied';
const TABLE: Readonly<Record<string, readonly [Operation, readonly [Cell, Cell, Cell, Cell]]>> = {
  'read it': [
    ['GET', () => ''],
    [200, 200, 200, 200],
  ],
  'rename it': [
    ['PATCH', () => '', () => ({ name: 'New' })],
    [200, 200, NO, NO],
  ],
  'delete it': [
    ['DELETE', () => ''],
    [204, NO, NO, NO],
  ],
  'list members': [
    ['GET', () => '/members'],
    [200, 200, 200, 200],
  ],
  'change a role': [
    ['PATCH', ({ user }) => `/members/${user}`, () => ({ role: 'member' })],
    [200, 200, NO, NO],
  ],
  'make an owner': [
    ['PATCH', ({ user }) => `/members/${user}`, () => ({ role: 'owner' })],
    [200, NO, NO, NO],
  ],
  'remove a member': [
    ['DELETE', ({ user }) => `/members/${user}`],
    [204, 204, NO, NO],
  ],
  'transfer ownership': [
    ['POST', () => '/transfer', ({ user }) => ({ userId: user })],
    [204, NO, NO, NO],
  ],
  leave: [
    ['POST', () => '/leave'],
    ['last_owner', 204, 204, 204],
  ],
  'list roles': [
    ['GET', () => '/roles'],
    [200, 200, 200, 200],
  ],
  'list groups': [
    ['GET', () => '/groups'],
    [200, 200, 200, 200],
  ],
  'make a group': [
    ['POST', () => '/groups', () => ({ name: 'Authors' })],
    [201, 201, NO, NO],
  ],
  'read a group': [
    ['GET', ({ group }) => `/groups/${group}`],
    [200, 200, 200, 200],
  ],
  'rename a group': [
    ['PATCH', ({ group }) => `/groups/${group}`, () => ({ name: 'New' })],
    [200, 200, NO, NO],
  ],
  'delete a group': [
    ['DELETE', ({ group }) => `/groups/${group}`],
    [204, 204, NO, NO],
  ],
  'list members of a group': [
    ['GET', ({ group }) => `/groups/${group}/members`],
    [200, 200, 200, 200],
  ],
  'put somebody into a group': [
    ['PUT', ({ group, user }) => `/groups/${group}/members/${user}`],
    [204, 204, NO, NO],
  ],
  'take somebody out of a group': [
    ['DELETE', ({ group, user }) => `/groups/${group}/members/${user}`],
    [204, 204, NO, NO],
  ],
  'list invitations': [
    ['GET', () => '/invitations'],
    [200, 200, NO, NO],
  ],
  'invite a member': [
    ['POST', () => '/invitations', () => ({ email: 'new@example.com', role: 'member' })],
    [201, 201, NO, NO],
  ],
  'revoke an invitation': [
    ['DELETE', ({ invitation }) => `/invitations/${invitation}`],
    [204, 204, NO, NO],
  ],
  'read its policy': [
    ['GET', () => '/policy'],
    [200, 200, 200, 200],
  ],
  'set its policy': [
    ['PUT', () => '/policy', () => ({ maxSessions: 900 })],
    [200, 200, NO, NO],
  ],
  'delete its policy': [
    ['DELETE', () => '/policy'],
    [204, 204, NO, NO],
  ],
};
const cases = Object.entries(TABLE).map(([name, [operation, cells]]) => ({ name, operation, cells }));

function attempt(who: TestAccount, [method, path, json]: Operation, at = workspace.id): Promise<Answer> {
  const body = json === undefined ? {} : { json: json(ids) };
  return who.call(method, `/v1/workspaces/${at}${path(ids)}`, body);
}

describe.each(WORKSPACE_ROLES.map((role, column) => ({ role, column })))('as $role', ({ role, column }) => {
  test.each(cases)('$name', async ({ operation, cells }) => {
    const { status, body } = await attempt(workspace.people[role], operation);
    expect(status < 300 ? status : body.code).toBe(cells[column]);
  });
});

describe('a stranger learns nothing, not even whether there is a workspace', () => {
  test.each(cases)('who tries to $name', async ({ operation }) => {
    const [real, random] = [
      await attempt(stranger, operation),
      await attempt(stranger, operation, newId('wsp')),
    ];
    const seen = ({ status, headers, body: { requestId, ...body } }: Answer) => ({
      status,
      body,
      headers: [...headers].filter(([name]) => name !== 'x-request-id' && name !== 'ratelimit'),
      hasRequestId: requestId !== undefined,
    });
    expect(real).toMatchObject({ status: 404, body: { code: 'workspace_not_found' } });
    expect(seen(real)).toEqual(seen(random));
    expect((await workspace.people.owner.call('GET', workspace.at())).status).toBe(200);
  });
});

test('the table has every operation on a workspace that is in the contract', async () => {
  const { paths } = (await system.call('GET', '/openapi.json')).body;
  const here = [
    '/v1/workspaces/{id}',
    '/groups',
    '/members',
    '/invitations',
    '/policy',
    '/roles',
    '/leave',
    '/transfer',
  ];
  const documented = Object.entries<object>(paths)
    .filter(([path]) => here.some((part) => path === part || path.startsWith(`/v1/workspaces/{id}${part}`)))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  const templates = { group: '{groupId}', invitation: '{invitationId}', user: '{userId}' };
  const covered = cases.map(
    ({ operation: [method, path] }) => `${method} /v1/workspaces/{id}${path(templates)}`,
  );
  expect(documented.length).toBeGreaterThan(20);
  expect([...new Set(covered)].toSorted()).toEqual(documented.toSorted());
});
