import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { ANALYSIS_CASES } from './harness/analysis-cases.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { query } from './harness/database.ts';
import { ROOT } from './harness/local-stack.ts';
import { operationsOf, readContract } from './harness/operations.ts';
import { newPrincipal, type TestPrincipal } from './harness/principals.ts';
import { type Fixture, newFixture, OWN, STORAGE_CASES } from './harness/role-cases.ts';
import { workspaceSchema } from './harness/wire.ts';

// The table "Roles in drives" of docs/permissions.md, cell by cell. It is the only place that says what is expected.

const installation = inject('installation');
const api = createClient(installation.url);
const TABLE = /<!-- file-roles -->\n([\s\S]*?)<!-- \/file-roles -->/;
const CASES = { ...STORAGE_CASES, ...ANALYSIS_CASES };
const CELLS = new Set(['yes', '403', '404']);

interface Row {
  readonly call: string;
  /** By role. */
  readonly cells: ReadonlyMap<string, string>;
}

async function readTable(): Promise<Row[]> {
  const page = await readFile(join(ROOT, 'docs/permissions.md'), 'utf8');
  const lines = (TABLE.exec(page)?.[1] ?? '').trim().split('\n');
  const [head = [], , ...rows] = lines.map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
  return rows.map(([call = '', ...cells]) => ({
    call: call.replaceAll('`', ''),
    cells: new Map(cells.map((cell, at) => [head[at + 1] ?? '', cell])),
  }));
}

interface Role {
  readonly name: string;
  readonly client: Client;
  readonly fixture: Fixture;
}

const guestsOf = async (): Promise<[string, string, string]> => {
  const people = await Promise.all([1, 2, 3].map(() => newPrincipal(installation)));
  return [people[0]?.userId ?? '', people[1]?.userId ?? '', people[2]?.userId ?? ''];
};

/** Somebody with a grant of this role on a folder of a person's drive; undefined for no grant. */
async function grantee(owner: TestPrincipal, name: string, role: string | undefined): Promise<Role> {
  const keeper = api.as(owner.token);
  const guests = await guestsOf();
  const fixture = await newFixture(keeper, { driveId: owner.userId, name, guests });
  const person = await newPrincipal(installation);
  if (role !== undefined) {
    const json = { principal: { kind: 'user', id: person.userId }, role };
    expect(refusal(await keeper.call('POST', `/v1/files/${fixture.folder}/grants`, { json }))).toBe('201');
  }
  return { name, client: api.as(person.token), fixture };
}

async function member(
  keeper: Client,
  workspace: string,
  name: string,
  role: string | undefined,
): Promise<Role> {
  const fixture = await newFixture(keeper, { driveId: workspace, name, guests: await guestsOf() });
  if (role === undefined) return { name, client: keeper, fixture };
  const person = await newPrincipal(installation);
  await query(
    installation,
    'insert into auth.workspace_members (workspace_id, user_id, role) values ($1::uuid, $2::uuid, $3)',
    [workspace.slice(4), person.userId.slice(4), role],
  );
  return { name, client: api.as(person.token), fixture };
}

/** What the answer says of the right: `yes`, `403` or `404`; anything else is shown as it is. */
async function tryCall({ client, fixture }: Role, call: string): Promise<string> {
  const made = CASES[call]?.(fixture);
  if (made === undefined) return 'is no case of the test';
  const answer = refusal(await client.call(...made));
  // There is no picture of a text that nobody has drawn yet, no text before it was read: said to those who may see it.
  if (/^[23]\d\d$/.test(answer) || ['404 no_preview', '409 text_not_read'].includes(answer)) return 'yes';
  if (answer === '403 role_required') return '403';
  return /^404 \w+_not_found$/.test(answer) ? '404' : answer;
}

describe('roles in drives', () => {
  let table: Row[];
  let owner: TestPrincipal;
  let workspaceOwner: TestPrincipal;
  let workspace: string;

  beforeAll(async () => {
    table = await readTable();
    owner = await newPrincipal(installation);
    workspaceOwner = await newPrincipal(installation);
    const made = await api
      .as(workspaceOwner.token)
      .call('POST', '/v1/workspaces', { json: { name: 'Ours' } });
    workspace = bodyOf(made, 201, workspaceSchema).id;
  });

  const roles: readonly (readonly [string, () => Promise<Role>])[] = [
    ...['none', 'viewer', 'commenter', 'editor', 'manager'].map(
      (role) => [role, () => grantee(owner, role, role)] as const,
    ),
    ['no grant', () => grantee(owner, 'no grant', undefined)],
    ['owner', async () => ({ ...(await grantee(owner, 'owner', undefined)), client: api.as(owner.token) })],
    ...['viewer', 'member', 'admin'].map(
      (role) =>
        [
          `${role} of the workspace`,
          () => member(api.as(workspaceOwner.token), workspace, `workspace ${role}`, role),
        ] as const,
    ),
    [
      'owner of the workspace',
      () => member(api.as(workspaceOwner.token), workspace, 'workspace owner', undefined),
    ],
  ];

  it.each(roles)('%s: every call is answered as docs/permissions.md says', async (name, newRole) => {
    const role = await newRole();
    const wrong: string[] = [];
    for (const { call, cells } of table) {
      const actual = await tryCall(role, call);
      if (actual !== cells.get(name)) wrong.push(`${call}: ${actual}, not ${cells.get(name)}`);
    }
    expect(wrong).toEqual([]);
  });

  it('the table has every operation about files and drives, and a word for every role', async () => {
    const called = new Set(table.map(({ call }) => call.replace(/ \(.*\)$/, '')));
    const operations = operationsOf(await readContract(api)).filter(({ path }) => ABOUT_FILES.test(path));
    expect(operations.length).toBeGreaterThan(80);
    const missing = operations
      .map(({ name }) => name)
      .filter((name) => !called.has(name) && !OWN.some((own) => own.test(name)));
    expect(missing).toEqual([]);
    expect(table.map(({ call }) => call).toSorted()).toEqual(Object.keys(CASES).toSorted());
    for (const { call, cells } of table) {
      expect([...cells.keys()].toSorted(), call).toEqual(roles.map(([name]) => name).toSorted());
      expect(
        [...cells.values()].filter((cell) => !CELLS.has(cell)),
        call,
      ).toEqual([]);
    }
  });
});

const ABOUT_FILES =
  /^\/v1\/(files|folders|drives|uploads|tus|trash|shared|favourites|links|shared-links|changes|webhooks|admin\/storage)(\/|$)/;
