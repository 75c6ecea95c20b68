import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { File } from '../../../contracts/storage.ts';
import type { Change } from '../models/changes.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let alice: TestUser;
let bob: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());
beforeEach(async () => {
  [alice, bob] = [await system.newUser(), await system.newUser()];
});

const latest = async (user: TestUser): Promise<string> =>
  (await user.call('GET', '/v1/changes/latest')).body.cursor;

/** Everything after a cursor, read in pages. */
async function read(user: TestUser, cursor: string, limit = 200) {
  const items: Change[] = [];
  for (let at = cursor; ; ) {
    const { status, body } = await user.call('GET', `/v1/changes?cursor=${at}&limit=${limit}`);
    expect(status, JSON.stringify(body)).toBe(200);
    items.push(...body.items);
    at = body.nextCursor;
    if (!body.more) return { items, cursor: at, accessChanged: body.accessChanged };
  }
}

const share = (user: TestUser, fileId: string, principal: object, role = 'viewer') =>
  user.call('POST', `/v1/files/${fileId}/grants`, { json: { principal, role } });
const toBob = () => ({ kind: 'user', id: bob.id });
const kinds = (items: Change[]) => items.map(({ type, fileId, removed }) => [type, fileId, removed]);

describe('the change feed', () => {
  test('tells everything in order, in pages of any size, with files as they are now', async () => {
    const start = await latest(alice);
    const folder = await alice.folder('f');
    const file = await alice.file('a.txt', 'a', folder);
    await alice.call('PATCH', `/v1/files/${file}`, { json: { name: 'b.txt' } });
    const gone = await alice.file('gone.txt');
    await alice.call('DELETE', `/v1/files/${gone}`);
    const all = await read(alice, start);
    expect(kinds(all.items)).toEqual([
      ['folder.created', folder, false],
      ['version.created', file, false],
      ['file.renamed', file, false],
      [null, gone, true],
    ]);
    const shown = (await alice.call('GET', `/v1/files/${file}`)).body;
    expect(all.items[1]).toMatchObject({ actorId: alice.id, versionId: shown.version.id, file: shown });
    expect((await read(alice, start, 1)).items).toEqual(all.items);
    expect((await read(alice, start, 2)).items).toEqual(all.items);
    expect((await read(alice, all.cursor)).items).toEqual([]);
    const whole = await alice.call('GET', '/v1/changes?limit=200');
    expect(whole.body).toMatchObject({ items: all.items, more: false, accessChanged: false });
    expect(whole.headers.get('cache-control')).toBe('no-store');
  });

  test('tells nothing to those who do not see a file, and only an id to those who do no more', async () => {
    const [aliceAt, bobAt] = [await latest(alice), await latest(bob)];
    const folder = await alice.folder('shared folder');
    const secret = await alice.file('secret name.txt');
    expect((await read(bob, bobAt)).items).toEqual([]);
    const grant = await share(alice, folder, toBob());
    expect(grant.status, JSON.stringify(grant.body)).toBe(201);
    const inside = await alice.file('inside.txt', 'x', folder);
    const seen = await read(bob, bobAt);
    expect(kinds(seen.items)).toEqual([
      ['access.changed', folder, false],
      ['version.created', inside, false],
    ]);
    expect(seen.items[1]?.file).toMatchObject({ path: '/shared folder/inside.txt', role: 'viewer' });
    await alice.call('DELETE', `/v1/files/${folder}/grants/${grant.body.id}`);
    await alice.call('PATCH', `/v1/files/${inside}`, { json: { name: 'renamed later.txt' } });
    const lost = await read(bob, seen.cursor);
    expect(lost.items).toEqual([
      { fileId: folder, removed: true, type: null, versionId: null, actorId: null, at: null, file: null },
    ]);
    // Read again from the beginning: what was seen then is not shown now.
    const again = JSON.stringify((await read(bob, bobAt)).items);
    for (const hidden of [secret, 'inside.txt', 'shared folder', 'renamed later', alice.id])
      expect(again).not.toContain(hidden);
    expect((await read(alice, aliceAt)).items.every(({ removed }) => !removed)).toBe(true);
  });

  test('keeps from a member what is denied to them in a drive that they see', async () => {
    const driveId = await system.newWorkspace([
      [alice, 'owner'],
      [bob, 'member'],
    ]);
    const made = await alice.call('POST', '/v1/folders', { json: { name: 'board', driveId } });
    const start = await latest(bob);
    expect((await share(alice, made.body.id, toBob(), 'none')).status).toBe(201);
    const lost = await read(bob, start);
    expect(kinds(lost.items)).toEqual([[null, made.body.id, true]]);
    const inside = await alice.file('minutes.txt', 'x', made.body.id);
    await alice.call('DELETE', `/v1/files/${inside}`);
    expect((await read(bob, lost.cursor)).items).toEqual([]);
    expect(kinds((await read(alice, start)).items)).toEqual([
      ['access.changed', made.body.id, false],
      [null, inside, true],
    ]);
  });

  test('says that memberships have changed, once', async () => {
    const start = await latest(bob);
    expect((await read(bob, start)).accessChanged).toBe(false);
    const driveId = await system.newWorkspace([
      [alice, 'owner'],
      [bob, 'viewer'],
    ]);
    const joined = await read(bob, start);
    expect(joined.accessChanged).toBe(true);
    expect((await read(bob, joined.cursor)).accessChanged).toBe(false);
    await alice.upload('w.txt', 'w', { driveId });
    expect((await read(bob, joined.cursor)).items).toHaveLength(1);
    await system.removeMember(driveId, bob);
    const left = await read(bob, joined.cursor);
    expect([left.accessChanged, left.items]).toEqual([true, []]);
  });

  test('holds back what is ahead of a transaction that is still running, and never passes it', async () => {
    const file = await alice.file('a.txt');
    const start = await latest(alice);
    // As if begun now, and another one before it had not ended yet.
    await system.query(`insert into storage.outbox (transaction_id, type, drive_id, file_id)
      select (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 50)::text::xid8, 'file.changed', f.drive_id, f.id
      from storage.files f where f.id = '${file.slice(5)}'`);
    const before = await read(alice, start);
    expect(before.items).toEqual([]);
    const folder = await alice.folder('x');
    expect(kinds((await read(alice, start)).items)).toEqual([['folder.created', folder, false]]);
    const cursor = (await read(alice, before.cursor)).cursor;
    for (let transaction = 0; transaction < 60; transaction += 1)
      await system.query('select pg_current_xact_id()');
    expect(kinds((await read(alice, cursor)).items)).toEqual([['file.changed', file, false]]);
  });

  test.each([
    'x',
    '1',
    '1-2',
    '1:2',
    '-1-0-000000000000',
    `${2n ** 64n}-0-000000000000`,
    `1-${2n ** 63n}-000000000000`,
    "1-1-00000000000'",
    '1-1-000000000000%00',
  ])('refuses %s as a cursor', async (cursor) => {
    const refused = await alice.call('GET', `/v1/changes?cursor=${cursor}`);
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
  });

  test('refuses a cursor from a history that the database does not know', async () => {
    const refused = await alice.call('GET', '/v1/changes?cursor=999999999999-0-000000000000');
    expect([refused.status, refused.body.code]).toEqual([410, 'cursor_expired']);
  });
});

/** A client as docs/changes.md describes it. */
class Copy {
  readonly files = new Map<string, File>();
  readonly user: TestUser;
  cursor = '';

  constructor(user: TestUser) {
    this.user = user;
  }

  async begin(driveIds: readonly string[]) {
    this.cursor = await latest(this.user);
    for (const driveId of driveIds) await this.list(`driveId=${driveId}`);
    for (const file of await this.page('/v1/shared?')) await this.keep(file);
  }

  async catchUp(limit: number) {
    for (;;) {
      const { status, body } = await this.user.call(
        'GET',
        `/v1/changes?cursor=${this.cursor}&limit=${limit}`,
      );
      expect(status, JSON.stringify(body)).toBe(200);
      for (const item of body.items) await this.apply(item);
      this.cursor = body.nextCursor;
      if (!body.more) return;
    }
  }

  private async apply({ fileId, type, file }: Change) {
    const known = this.files.get(fileId);
    if (file === null) this.files.delete(fileId);
    else if (known === undefined || type === 'access.changed' || type === 'file.moved') await this.keep(file);
    else this.files.set(fileId, file);
    if (file === null || type === 'access.changed' || type === 'file.moved') await this.lookBelow(fileId);
  }

  private async keep(file: File) {
    this.files.set(file.id, file);
    if (file.kind === 'folder') await this.list(`parentId=${file.id}`);
  }

  private async list(where: string) {
    for (const file of await this.page(`/v1/files?${where}`)) await this.keep(file);
  }

  private async page(path: string): Promise<File[]> {
    return (await this.user.call('GET', `${path}&limit=200`)).body.items ?? [];
  }

  private async lookBelow(id: string) {
    for (const { id: child } of [...this.files.values()].filter(({ parentId }) => parentId === id)) {
      const now = await this.user.call('GET', `/v1/files/${child}`);
      if (now.status === 200) this.files.set(child, now.body);
      else this.files.delete(child);
      await this.lookBelow(child);
    }
  }
}

const comparable = ({ path: _, analysis: __, ...file }: File) => file;

describe('a copy that follows the feed', () => {
  const action = fc.record({
    who: fc.nat(1),
    what: fc.constantFrom(
      ...([
        'folder',
        'folder',
        'file',
        'file',
        'rename',
        'move',
        'move',
        'write',
        'trash',
        'restore',
        'purge',
        'grant',
        'grant',
        'revoke',
        'follow',
      ] as const),
    ),
    one: fc.nat(1_000),
    other: fc.nat(1_000),
  });
  type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

  test('equals what is there, whatever two people do at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(action, { minLength: 1, maxLength: 4, size: 'max' }), {
          maxLength: 14,
          size: 'max',
        }),
        async (rounds) => {
          const people = [await system.newUser(), await system.newUser()] as const;
          const team = await system.newWorkspace([
            [people[0], 'owner'],
            [people[1], 'member'],
          ]);
          const copies = people.map((user) => new Copy(user));
          for (const copy of copies) await copy.begin([copy.user.id, team]);
          const ids: string[] = [];
          const act = ({ who, what, one, other }: Action) =>
            perform({ copy: copies[who], friend: people[1 - who], team, ids, what, one, other });
          for (const round of rounds) await Promise.all(round.map(act));
          for (const copy of copies) {
            await copy.catchUp(3);
            const answers = await Promise.all(ids.map((id) => copy.user.call('GET', `/v1/files/${id}`)));
            const seen = answers.flatMap(({ status, body }) =>
              status === 200 ? [[body.id, comparable(body)]] : [],
            );
            const kept = [...copy.files.values()].map((file) => [file.id, comparable(file)]);
            expect(Object.fromEntries(kept)).toEqual(Object.fromEntries(seen));
          }
        },
      ),
      { numRuns: 15, interruptAfterTimeLimit: 60_000 },
    );
  }, 120_000);
});

interface Step {
  readonly copy: Copy | undefined;
  readonly friend: TestUser | undefined;
  readonly team: string;
  readonly ids: string[];
  readonly what: string;
  readonly one: number;
  readonly other: number;
}

async function perform({ copy, friend, team, ids, what, one, other }: Step) {
  if (copy === undefined || friend === undefined) throw new Error('people');
  const { user } = copy;
  const id = ids[one % (ids.length || 1)] ?? 'none';
  const parentId = ids[other % (ids.length + 2)];
  const name = `${what} ${one} ${other}`;
  const place = parentId ? { parentId } : other % 2 === 0 ? { driveId: team } : {};
  const made = ({ body, status }: { status: number; body: { id: string } }) => {
    expect(status).toBeLessThan(500);
    if (status === 201) ids.push(body.id);
  };
  const done = ({ status, body }: { status: number; body: unknown }) =>
    expect(status, JSON.stringify(body)).toBeLessThan(500);
  if (what === 'folder') return made(await user.call('POST', '/v1/folders', { json: { name, ...place } }));
  if (what === 'file') return made(await user.upload(name, name, place as Record<string, string>));
  if (what === 'rename') return done(await user.call('PATCH', `/v1/files/${id}`, { json: { name } }));
  if (what === 'move')
    return done(await user.call('PATCH', `/v1/files/${id}`, { json: { parentId: parentId ?? null } }));
  if (what === 'write') return done(await user.call('PUT', `/v1/files/${id}/content`, { body: name }));
  if (what === 'trash') return done(await user.call('DELETE', `/v1/files/${id}`));
  if (what === 'restore') return done(await user.call('POST', `/v1/trash/${id}/restore`, { json: {} }));
  if (what === 'purge') return done(await user.call('DELETE', `/v1/trash/${id}`));
  if (what === 'follow') return copy.catchUp(2);
  if (what === 'grant')
    return done(
      await share(user, id, { kind: 'user', id: friend.id }, ['none', 'viewer', 'editor'][other % 3]),
    );
  const grants = (await user.call('GET', `/v1/files/${id}/grants`)).body.items ?? [];
  const own = grants.find(({ inherited }: { inherited: boolean }) => !inherited);
  if (own) done(await user.call('DELETE', `/v1/files/${id}/grants/${own.id}`));
}

describe('waiting for a change', () => {
  test('ends as soon as there is one', async () => {
    const start = await latest(alice);
    const waiting = alice.call('GET', `/v1/changes?cursor=${start}&wait=20`);
    await alice.folder('f');
    const began = Date.now();
    expect((await waiting).body.items).toHaveLength(1);
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  test('ends when the time is over or the client has gone, with a cursor to go on from', async () => {
    const start = await latest(alice);
    const over = await alice.call('GET', `/v1/changes?cursor=${start}&wait=1`);
    expect(over.body).toMatchObject({ items: [], more: false });
    const gone = new AbortController();
    const request = new Request(`https://api.test/v1/changes?cursor=${over.body.nextCursor}&wait=25`, {
      headers: { authorization: `Bearer ${alice.token}` },
      signal: gone.signal,
    });
    const began = Date.now();
    const waiting = system.fetch(request);
    setTimeout(() => gone.abort(), 200);
    await waiting;
    expect(Date.now() - began).toBeLessThan(5_000);
    expect((await alice.call('GET', `/v1/changes?cursor=${start}&wait=26`)).status).toBe(400);
  });

  test('does not outlast the session that it began with', async () => {
    const start = await latest(alice);
    const file = await alice.file('a.txt');
    const { cursor } = await read(alice, start);
    const waiting = alice.call('GET', `/v1/changes?cursor=${cursor}&wait=20`);
    await expect.poll(async () => (await read(alice, cursor)).items.length).toBe(0);
    await system.query(`delete from auth.sessions where user_id = '${alice.id.slice(4)}'`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await system.query(`insert into storage.outbox (type, drive_id, file_id)
      select 'file.changed', f.drive_id, f.id from storage.files f where f.id = '${file.slice(5)}'`);
    expect((await waiting).status).toBe(401);
  });
});

describe('old events', () => {
  const age = () => system.query("update storage.outbox set created_at = now() - interval '91 days'");
  const left = async () => Number((await system.query('select count(*) as n from storage.outbox'))[0]?.n);

  test('go when all have read them; older cursors are refused, younger ones go on', async () => {
    const start = await latest(alice);
    await alice.folder('first');
    await alice.folder('second');
    const { cursor } = await read(alice, start);
    await system.settled();
    await age();
    await system.query("delete from ai.cursors where name = 'storage'");
    await system.runCron();
    expect(await left()).toBeGreaterThan(0);
    expect((await alice.call('GET', `/v1/changes?cursor=${start}`)).status).toBe(200);
    await system.query(`insert into ai.cursors (name, transaction_id, event_id)
      select 'storage', o.transaction_id, o.id from storage.outbox o order by o.transaction_id desc, o.id desc offset 1 limit 1`);
    await system.query(`update storage.cursors c set transaction_id = o.transaction_id, event_id = o.id
      from (select * from storage.outbox order by transaction_id desc, id desc limit 1) o where c.name = 'journal'`);
    await system.runCron();
    expect(await left()).toBe(1);
    const refused = await alice.call('GET', `/v1/changes?cursor=${start}`);
    expect([refused.status, refused.body.code]).toEqual([410, 'cursor_expired']);
    expect((await read(alice, cursor)).items).toEqual([]);
    expect((await alice.call('GET', '/v1/changes')).body.items).toHaveLength(1);
    await alice.folder('g');
    expect((await read(alice, cursor)).items).toHaveLength(1);
    await system.runCron();
    expect(await left()).toBe(2);
  });
});
