import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { nameKey, numberedName } from '../models/names.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

/** What one would expect of a trash, as simple as can be said. */
interface Entry {
  id: string;
  kind: 'file' | 'folder';
  name: string;
  parent: Entry | null;
  /** What it went into the trash with. */
  root: Entry | null;
}

class Model {
  entries: Entry[] = [];
  purged: string[] = [];

  children(parent: Entry | null): Entry[] {
    return this.entries.filter((entry) => entry.parent === parent);
  }
  below(entry: Entry): Entry[] {
    return [entry, ...this.children(entry).flatMap((child) => this.below(child))];
  }
  isTaken(parent: Entry | null, name: string): boolean {
    return this.children(parent).some(
      (other) => other.root === null && nameKey(other.name) === nameKey(name),
    );
  }
  trash(entry: Entry): void {
    for (const each of this.below(entry)) each.root ??= entry;
  }
  restore(entry: Entry): void {
    if (entry.parent?.root) entry.parent = null;
    const name = entry.name;
    for (let number = 2; this.isTaken(entry.parent, entry.name); number += 1)
      entry.name = numberedName(name, number);
    for (const each of this.entries) if (each.root === entry) each.root = null;
  }
  purge(entry: Entry): void {
    const gone = this.entries.filter((each) => each.root === entry);
    this.purged.push(...gone.map(({ id }) => id));
    this.entries = this.entries.filter((each) => !gone.includes(each));
    for (const each of this.entries) if (each.parent && gone.includes(each.parent)) each.parent = null;
  }
}

type Operation = {
  readonly act: 'folder' | 'file' | 'trash' | 'restore' | 'purge' | 'empty';
  readonly pick: number;
  readonly name: string;
};
const operation: fc.Arbitrary<Operation> = fc.record({
  act: fc.oneof(
    { weight: 4, arbitrary: fc.constant('folder' as const) },
    { weight: 2, arbitrary: fc.constant('file' as const) },
    { weight: 4, arbitrary: fc.constant('trash' as const) },
    { weight: 4, arbitrary: fc.constant('restore' as const) },
    { weight: 2, arbitrary: fc.constant('purge' as const) },
    { weight: 1, arbitrary: fc.constant('empty' as const) },
  ),
  pick: fc.nat(30),
  name: fc.constantFrom('a', 'b', 'B.txt', 'é'),
});

/** One of them, or none. */
const pickOf = <T>(list: readonly T[], pick: number): T | undefined => list[pick % (list.length + 1)];

function request(user: TestUser, { act, name }: Operation, entry: Entry | undefined) {
  if (act === 'folder')
    return user.call('POST', '/v1/folders', { json: { name, ...(entry ? { parentId: entry.id } : {}) } });
  if (act === 'file') return user.upload(name, name, entry ? { parentId: entry.id } : {});
  if (act === 'empty') return user.call('DELETE', '/v1/trash');
  if (act === 'trash') return user.call('DELETE', `/v1/files/${entry?.id}`);
  return act === 'purge'
    ? user.call('DELETE', `/v1/trash/${entry?.id}`)
    : user.call('POST', `/v1/trash/${entry?.id}/restore`, { json: {} });
}

async function step(user: TestUser, model: Model, { act, pick, name }: Operation): Promise<void> {
  const folders = model.entries.filter(({ kind }) => kind === 'folder');
  const isMaking = act === 'folder' || act === 'file';
  const entry = pickOf(isMaking ? folders : model.entries, pick);
  if (!isMaking && act !== 'empty' && entry === undefined) return;
  const { status, body } = await request(user, { act, pick, name }, entry);
  if (isMaking) {
    if (entry?.root) return expect(status).toBe(404);
    if (model.isTaken(entry ?? null, name)) return expect(status).toBe(409);
    model.entries.push({ id: body.id, kind: act, name, parent: entry ?? null, root: null });
    return expect(status).toBe(201);
  }
  if (act === 'empty') {
    for (const root of model.entries.filter((each) => each.root === each)) model.purge(root);
    return expect(body).toEqual({ left: 0 });
  }
  if (entry === undefined) return;
  const isPossible = act === 'trash' ? entry.root === null : entry.root === entry;
  if (!isPossible) return expect(status).toBe(404);
  model[act](entry);
  expect(status).toBe(act === 'restore' ? 200 : 204);
}

async function compare(user: TestUser, model: Model): Promise<void> {
  const rows = await system.query(`select id, name, parent_id, trash_root_id from storage.files
    where drive_id = '${idToUuid(user.id)}'`);
  const of = (uuid: unknown) => (uuid === null ? null : uuidToId('file', String(uuid)));
  const byId = (a: { id: unknown }, b: { id: unknown }) => (String(a.id) < String(b.id) ? -1 : 1);
  const there = rows.map((row) => ({
    id: of(row.id),
    name: row.name,
    parent: of(row.parent_id),
    root: of(row.trash_root_id),
  }));
  const expected = model.entries.map(({ id, name, parent, root }) => ({
    id,
    name,
    parent: parent?.id ?? null,
    root: root?.id ?? null,
  }));
  expect(there.sort(byId)).toEqual(expected.sort(byId));
  const trash = (await user.call('GET', '/v1/trash?limit=200')).body.items;
  expect(trash.map(({ id }: { id: string }) => id).sort()).toEqual(
    model.entries.flatMap((entry) => (entry.root === entry ? [entry.id] : [])).sort(),
  );
}

/** True of every state that anybody can see, whoever did what at the same time. */
async function expectSound(user: TestUser): Promise<void> {
  const drive = `'${idToUuid(user.id)}'`;
  const none = async (statement: string) => expect(await system.query(statement), statement).toEqual([]);
  await none(`select f.id from storage.files f join storage.files p on p.id = f.parent_id
    where f.drive_id = ${drive} and f.trashed_at is null and p.trashed_at is not null`);
  await none(`select f.id from storage.files f left join storage.files r on r.id = f.trash_root_id
    where f.drive_id = ${drive} and f.trashed_at is not null and r.trash_root_id is distinct from r.id`);
  await none(`select f.id from storage.files f where f.drive_id = ${drive} and f.trash_root_id <> f.id
    and not storage.is_below(f.id, f.trash_root_id)`);
  await none(`select o.id from storage.objects o
    where not exists (select from storage.versions v where v.object_id = o.id)`);
  await none(`select file_id from storage.outbox where drive_id = ${drive} and type = 'file.purged'
    group by file_id having count(*) > 1`);
  await none(`select o.file_id from storage.outbox o join storage.files f on f.id = o.file_id
    where o.type = 'file.purged' and o.drive_id = ${drive}`);
  await none(`select d.id from storage.drives d where d.id = ${drive} and (d.reserved_bytes <> 0
    or d.entry_count <> (select count(*) from storage.files f where f.drive_id = d.id)
    or d.used_bytes <> (select coalesce(sum(v.size), 0) from storage.versions v where v.drive_id = d.id))`);
}

describe('the trash', () => {
  test('does what the model says, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 6, maxLength: 24 }), async (operations) => {
        const user = await system.newUser();
        const model = new Model();
        for (const each of operations) await step(user, model, each);
        await compare(user, model);
        for (const id of model.purged) expect((await user.call('GET', `/v1/files/${id}`)).status).toBe(404);
        await expectSound(user);
      }),
      { numRuns: 12, interruptAfterTimeLimit: 8_000 },
    );
  }, 30_000);

  test('stays sound when much is done at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(operation, { minLength: 3, maxLength: 6 }), { minLength: 2, maxLength: 5 }),
        async (bursts) => {
          const user = await system.newUser();
          const model = new Model();
          for (const name of ['x', 'y', 'z'])
            await step(user, model, { act: 'folder', pick: model.entries.length, name });
          for (const burst of bursts) {
            const answers = await Promise.all(
              burst.map((each) => {
                const entry = pickOf(model.entries, each.pick);
                return entry || each.act === 'empty' ? request(user, each, entry) : undefined;
              }),
            );
            for (const answer of answers) {
              expect(answer?.status ?? 200, JSON.stringify(answer?.body)).toBeLessThan(500);
              if (answer?.status === 201) model.entries.push({ ...answer.body, parent: null, root: null });
            }
          }
          await expectSound(user);
        },
      ),
      { numRuns: 8, interruptAfterTimeLimit: 6_000 },
    );
  }, 30_000);
});
