import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const ROLES = ['none', 'viewer', 'commenter', 'editor', 'manager'] as const;
const MEMBER_RANKS = { owner: 4, admin: 4, member: 3, viewer: 1 } as const;
type MemberRole = keyof typeof MEMBER_RANKS;

interface Entry {
  readonly id: string;
  readonly driveId: string;
  parent: Entry | undefined;
  /** Ranks by principal. */
  readonly grants: Map<string, number>;
}

/** Two drives, six people, two groups. The first person has a drive; the second owns the workspace that has the other. */
interface World {
  readonly users: readonly TestUser[];
  readonly workspaceId: string;
  readonly groups: readonly string[];
  readonly members: Map<string, MemberRole>;
  readonly inGroups: Map<string, Set<string>>;
  readonly entries: Entry[];
}

const PEOPLE = 6;
const pick = fc.nat({ max: 10_000 });
const opArbitrary = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), entry: pick, principal: pick, role: pick }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ungrant' as const), entry: pick, grant: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('move' as const), entry: pick, target: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('folder' as const), target: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('member' as const), user: pick, role: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('group' as const), user: pick, group: pick }) },
);
type Op = typeof opArbitrary extends fc.Arbitrary<infer T> ? T : never;

// A failure prints its seed.
test('rights are those of the rule, whatever was granted, taken, moved or joined', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(opArbitrary, { minLength: 12, maxLength: 24 }), async (ops) => {
      const world = await newWorld();
      for (const op of ops) {
        await apply(world, op);
        await compareInDatabase(world);
      }
      await compareOverHttp(world);
    }),
    { numRuns: 6, endOnFailure: true },
  );
}, 60_000);

async function newWorld(): Promise<World> {
  const users = await Promise.all(Array.from({ length: PEOPLE }, () => system.newUser()));
  const [person, owner, ...others] = users;
  if (person === undefined || owner === undefined) throw new Error('people');
  const workspaceId = await system.newWorkspace([
    [owner, 'owner'],
    [person, 'viewer'],
    ...others.slice(0, 2).map((user) => [user, 'member'] as const),
  ]);
  const members = new Map<string, MemberRole>([
    [owner.id, 'owner'],
    [person.id, 'viewer'],
    ...others.slice(0, 2).map((user) => [user.id, 'member'] as const),
  ]);
  const groups = [await system.newGroup(workspaceId, []), await system.newGroup(workspaceId, [])];
  const world: World = { users, workspaceId, groups, members, inGroups: new Map(), entries: [] };
  for (const driveId of [person.id, workspaceId]) {
    const top = await addFolder(world, driveId, undefined);
    await addFolder(world, driveId, await addFolder(world, driveId, top));
  }
  return world;
}

const at = <T>(items: readonly T[], index: number): T => {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};
/** Who may do everything in a drive. */
const keeperOf = ({ users, workspaceId }: World, driveId: string) =>
  at(users, driveId === workspaceId ? 1 : 0);

async function addFolder(world: World, driveId: string, parent: Entry | undefined): Promise<Entry> {
  const { body, status } = await keeperOf(world, driveId).call('POST', '/v1/folders', {
    json: { name: `folder ${world.entries.length}`, ...(parent ? { parentId: parent.id } : { driveId }) },
  });
  if (status !== 201) throw new Error(JSON.stringify(body));
  const entry = { id: body.id, driveId, parent, grants: new Map() };
  world.entries.push(entry);
  return entry;
}

async function apply(world: World, op: Op): Promise<void> {
  switch (op.kind) {
    case 'grant': {
      const entry = at(world.entries, op.entry);
      const principals = [
        ...world.users.filter(({ id }) => id !== entry.driveId).map(({ id }) => ({ kind: 'user', id })),
        ...world.groups.map((id) => ({ kind: 'group', id })),
        { kind: 'workspace', id: world.workspaceId },
      ];
      const principal = at(principals, op.principal);
      const rank = op.role % ROLES.length;
      const { status, body } = await keeperOf(world, entry.driveId).call(
        'POST',
        `/v1/files/${entry.id}/grants`,
        {
          json: { principal, role: ROLES[rank] },
        },
      );
      expect(status, JSON.stringify(body)).toBe(201);
      entry.grants.set(principal.id, rank);
      return;
    }
    case 'ungrant': {
      const entry = at(world.entries, op.entry);
      if (entry.grants.size === 0) return;
      const keeper = keeperOf(world, entry.driveId);
      const principalId = at([...entry.grants.keys()], op.grant);
      const { items } = (await keeper.call('GET', `/v1/files/${entry.id}/grants?limit=200`)).body;
      const found = items.find(
        (grant: { inherited: boolean; principal: { id: string } }) =>
          !grant.inherited && grant.principal.id === principalId,
      );
      expect((await keeper.call('DELETE', `/v1/files/${entry.id}/grants/${found.id}`)).status).toBe(204);
      entry.grants.delete(principalId);
      return;
    }
    case 'move': {
      const entry = at(world.entries, op.entry);
      const there = world.entries.filter(({ driveId }) => driveId === entry.driveId);
      const target = at(there, op.target);
      for (let up: Entry | undefined = target; up; up = up.parent) if (up === entry) return;
      const { status, body } = await keeperOf(world, entry.driveId).call('PATCH', `/v1/files/${entry.id}`, {
        json: { parentId: target.id },
      });
      expect(status, JSON.stringify(body)).toBe(200);
      entry.parent = target;
      return;
    }
    case 'folder': {
      const target = at(world.entries, op.target);
      await addFolder(world, target.driveId, target);
      return;
    }
    case 'member':
      return setMember(
        world,
        at(world.users.slice(2), op.user),
        at([null, 'admin', 'member', 'viewer'], op.role),
      );
    case 'group':
      return flipGroup(world, at(world.users.slice(2), op.user), at(world.groups, op.group));
  }
}

async function setMember(world: World, user: TestUser, role: MemberRole | null): Promise<void> {
  await system.removeMember(world.workspaceId, user);
  world.members.delete(user.id);
  if (role === null) return;
  await system.query(`insert into auth.workspace_members (workspace_id, user_id, role)
    values ('${idToUuid(world.workspaceId)}', '${idToUuid(user.id)}', '${role}')`);
  world.members.set(user.id, role);
}

async function flipGroup({ inGroups }: World, user: TestUser, group: string): Promise<void> {
  const mine = inGroups.get(user.id) ?? new Set();
  inGroups.set(user.id, mine);
  const row = `group_id = '${idToUuid(group)}' and user_id = '${idToUuid(user.id)}'`;
  if (mine.delete(group)) await system.query(`delete from auth.group_members where ${row}`);
  else {
    mine.add(group);
    await system.query(
      `insert into auth.group_members (group_id, user_id) values ('${idToUuid(group)}', '${idToUuid(user.id)}')`,
    );
  }
}

/** The rule in the words of decision 0018, without any of its SQL. */
function modelRank(world: World, user: TestUser, entry: Entry): number {
  if (entry.driveId === user.id) return 4;
  const role = world.members.get(user.id);
  const theirs = role ? [world.workspaceId, ...(world.inGroups.get(user.id) ?? [])] : [];
  const given = role && entry.driveId === world.workspaceId ? MEMBER_RANKS[role] : 0;
  if (given === 4) return 4;
  const nearest = new Map<string, number>();
  for (let place: Entry | undefined = entry; place; place = place.parent) {
    for (const principal of theirs) {
      const rank = place.grants.get(principal);
      if (rank !== undefined && !nearest.has(principal)) nearest.set(principal, rank);
    }
    const own = place.grants.get(user.id);
    if (own === undefined) continue;
    // It decides over what the others have at the same place and above.
    const nearer = theirs.flatMap((principal) => nearestBelow(entry, place, principal));
    return Math.max(own, ...nearer);
  }
  const byMembership = nearest.has(world.workspaceId) ? 0 : given;
  return Math.max(0, byMembership, ...nearest.values());
}

/** The nearest grant to a principal between an entry and a place above it, which is not counted in. */
function nearestBelow(entry: Entry, end: Entry, principal: string): number[] {
  for (let place: Entry | undefined = entry; place && place !== end; place = place.parent) {
    const rank = place.grants.get(principal);
    if (rank !== undefined) return [rank];
  }
  return [];
}

function modelOf(world: World): Record<string, number> {
  return Object.fromEntries(
    world.users.flatMap((user) =>
      world.entries.map((entry) => [`${user.id} ${entry.id}`, modelRank(world, user, entry)]),
    ),
  );
}

async function compareInDatabase(world: World): Promise<void> {
  const ids = (items: readonly { id: string }[]) =>
    items.map(({ id }) => `'${idToUuid(id)}'::uuid`).join(',');
  const rows = await system.query(`
    select 'usr_' || replace(u::text, '-', '') || ' file_' || replace(f.id::text, '-', '') as pair,
      coalesce(storage.rank_in(u, f.scope_id), 0) as rank, v.file_id is not null as is_listed
    from unnest(array[${ids(world.users)}]) u cross join storage.files f
      left join lateral (select v.file_id from storage.visible_files(u) v where v.file_id = f.id) v on true
    where f.id in (${ids(world.entries)})`);
  const model = modelOf(world);
  expect(Object.fromEntries(rows.map(({ pair, rank }) => [pair, rank]))).toEqual(model);
  expect(Object.fromEntries(rows.map(({ pair, is_listed }) => [pair, is_listed]))).toEqual(
    Object.fromEntries(Object.entries(model).map(([pair, rank]) => [pair, rank > 0])),
  );
}

/** What people are told: by the entry itself, and by the explanation of it. */
async function compareOverHttp(world: World): Promise<void> {
  const { users, entries } = world;
  for (const user of users) {
    for (const entry of entries) {
      const role = ROLES[modelRank(world, user, entry)];
      const [seen, told] = await Promise.all([
        user.call('GET', `/v1/files/${entry.id}`),
        keeperOf(world, entry.driveId).call('GET', `/v1/files/${entry.id}/access?userId=${user.id}`),
      ]);
      expect(seen.status === 404 ? 'none' : seen.body.role).toBe(role);
      expect(told.body.items).toMatchObject([{ principal: { id: user.id }, role }]);
      const { rule } = told.body.items[0];
      if (rule === null) expect(role).toBe('none');
      else if (rule.kind === 'grant') expect(grantedBy(world, user, entry, rule.fileId)).toContain(role);
    }
  }
}

/** Roles that the user, or those they belong to, were given at a place. */
function grantedBy(world: World, user: TestUser, entry: Entry, fileId: string): (string | undefined)[] {
  for (let place: Entry | undefined = entry; place; place = place.parent)
    if (place.id === fileId)
      return [...place.grants]
        .filter(([id]) => id === user.id || id === world.workspaceId || world.inGroups.get(user.id)?.has(id))
        .map(([, rank]) => ROLES[rank]);
  return [];
}
