import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import type { SearchFilters } from '../models/search.ts';
import { parseQuery } from '../service/query-language.ts';
import { createSearchRepository } from './search-repository.ts';
import { createTestIndex, TEST_MODEL } from './test-index.ts';

// What search shows, against a model of who may see what, over random interleavings of everything that changes it.
// VISIBILITY_STEPS and VISIBILITY_SEED ask for more, and for the same again.

const STEPS = Number(process.env.VISIBILITY_STEPS ?? 10_000);
const SEED = Number(process.env.VISIBILITY_SEED ?? 20_261_123);
const STEPS_TO_A_SEARCH = 12;
const MOST_FILES = 120;
const WORDS = ['zebra', 'quartz', 'lemur', 'basalt', 'heron'];
const ROLES = ['viewer', 'editor', 'none'] as const;
const FOREVER = 1_000_000;
const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
}, 120_000);
afterAll(() => database.close());

interface Version {
  readonly versionId: string;
  /** Undefined: nobody has looked at it yet. */
  readonly word: string | undefined;
  readonly hasVector: boolean;
}
interface Entry {
  readonly id: string;
  readonly owner: string;
  readonly parent: Entry | undefined;
  readonly versions: Version[];
  nameWord: string;
  /** The entry that was put into the trash, this one or one above it. */
  trashedBy: string | undefined;
  readonly grants: Map<string, (typeof ROLES)[number]>;
}

/** Numerical Recipes' generator: the same steps for the same seed. */
function createChance(seed: number) {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const one = <Item>(items: readonly Item[]): Item => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  };
  return { below, one };
}

/** The rule of storage for people alone: whose drive it is, else the nearest grant to them. */
function sees(user: string, entry: Entry): boolean {
  if (entry.trashedBy !== undefined) return false;
  if (entry.owner === user) return true;
  for (let at: Entry | undefined = entry; at !== undefined; at = at.parent) {
    const role = at.grants.get(user);
    if (role !== undefined) return role !== 'none';
  }
  return false;
}

async function createWorld(seed: number) {
  const index = createTestIndex(database.db);
  const search = createSearchRepository(database.db);
  const chance = createChance(seed);
  const users = Array.from({ length: 4 }, () => newId('usr'));
  const folders: Entry[] = [];
  const files: Entry[] = [];
  let due: SQL[] = [];

  const blank = (id: string, owner: string, parent: Entry | undefined): Entry => ({
    id,
    owner,
    parent,
    versions: [],
    nameWord: chance.one(WORDS),
    trashedBy: undefined,
    grants: new Map(),
  });

  for (const owner of users.slice(0, 3)) {
    const top = blank(await index.addFolder(owner, 'top'), owner, undefined);
    folders.push(top, blank(await index.addFolder(owner, 'deep', top.id), owner, top));
  }

  const newVersion = (): Version => {
    const kind = chance.below(8);
    const word = kind === 0 ? undefined : chance.one(WORDS);
    return { versionId: newId('ver'), word, hasVector: word !== undefined && kind > 1 };
  };
  const contentOf = ({ id }: Entry, { versionId, word, hasVector }: Version): SQL[] =>
    word === undefined
      ? []
      : index.statements.content(
          { fileId: id, versionId },
          { texts: [word], vectors: hasVector ? [[1, 0, 0]] : undefined },
        );
  const nameOf = (entry: Entry) => `${entry.nameWord}_${entry.id}.txt`;
  const live = (entries: readonly Entry[]) => entries.filter(({ trashedBy }) => trashedBy === undefined);

  function upload(): void {
    const places = live(folders);
    const place = chance.below(4) === 0 || places.length === 0 ? undefined : chance.one(places);
    const owner = place?.owner ?? chance.one(users.slice(0, 3));
    const entry = blank(newId('file'), owner, place);
    const version = newVersion();
    entry.versions.push(version);
    files.push(entry);
    const ids = { fileId: entry.id, versionId: version.versionId };
    const at = place === undefined ? {} : { parentId: place.id };
    due.push(
      index.statements.putFile(owner, ids, { name: nameOf(entry), ...at }),
      ...contentOf(entry, version),
    );
  }

  function edit(): void {
    const entry = chance.one(files);
    const version = newVersion();
    entry.versions.push(version);
    due.push(
      index.statements.putVersion(entry.owner, { fileId: entry.id, versionId: version.versionId }),
      ...contentOf(entry, version),
    );
  }

  function rename(): void {
    const entry = chance.one(files);
    entry.nameWord = chance.one(WORDS);
    due.push(
      sql`update storage.files set name = ${nameOf(entry)}, name_key = ${nameOf(entry)} where id = ${uuid(entry.id)}`,
    );
  }

  /** As storage does it: an entry with a grant of its own is a scope, and what is below it in no other scope is in it. */
  function grant(): void {
    const entry = chance.one([...folders, ...files]);
    const user = chance.one(users);
    const role = chance.one(ROLES);
    entry.grants.set(user, role);
    due.push(
      sql`with own as (
          insert into storage.scopes (id, drive_id, parent_id)
          select f.id, f.drive_id, f.scope_id from storage.files f where f.id = ${uuid(entry.id)} on conflict do nothing
          returning id, parent_id
        ) update storage.files f set scope_id = own.id from own
          where f.scope_id = own.parent_id and storage.is_below(f.id, own.id)`,
      sql`update storage.scopes s set parent_id = ${uuid(entry.id)} from storage.scopes own
          where own.id = ${uuid(entry.id)} and s.parent_id = own.parent_id and s.id <> own.id
            and storage.is_below(s.id, own.id)`,
      sql`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
          values (${uuid(newId('grt'))}, ${uuid(entry.id)}, 'user', ${uuid(user)}, ${role}, ${uuid(entry.owner)})
          on conflict (file_id, principal_id) do update set role = excluded.role`,
    );
  }

  function revoke(): void {
    const granted = [...folders, ...files].filter(({ grants }) => grants.size > 0);
    if (granted.length === 0) return;
    const entry = chance.one(granted);
    const user = chance.one([...entry.grants.keys()]);
    entry.grants.delete(user);
    due.push(
      sql`delete from storage.grants where file_id = ${uuid(entry.id)} and principal_id = ${uuid(user)}`,
    );
  }

  const below = (root: Entry) =>
    [...folders, ...files].filter((entry) => {
      for (let at: Entry | undefined = entry; at !== undefined; at = at.parent) if (at === root) return true;
      return false;
    });

  function remove(): void {
    // A folder seldom: most of what there is would be in the trash.
    const entry = chance.one(chance.below(6) === 0 ? folders : files);
    if (entry.trashedBy !== undefined) return;
    const gone = live(below(entry));
    for (const each of gone) each.trashedBy = entry.id;
    due.push(sql`update storage.files set trashed_at = now(), trash_root_id = ${uuid(entry.id)}
      where id = any(${sql.param(gone.map(({ id }) => idToUuid(id)))}::uuid[])`);
  }

  function restore(): void {
    const roots = [...folders, ...files].filter(
      (entry) => entry.trashedBy === entry.id && entry.parent?.trashedBy === undefined,
    );
    if (roots.length === 0) return;
    const root = chance.one(roots);
    for (const entry of below(root)) if (entry.trashedBy === root.id) entry.trashedBy = undefined;
    due.push(
      sql`update storage.files set trashed_at = null, trash_root_id = null where trash_root_id = ${uuid(root.id)}`,
    );
  }

  const STEPS_BY_SHARE = [upload, edit, edit, rename, grant, grant, revoke, revoke, remove, restore, restore];

  /** What the model says that a user finds: by word, by name, by meaning, and how many files there are. */
  function expected(user: string, word: string, old: boolean) {
    const seen = files.filter((entry) => sees(user, entry));
    const searched = ({ versions }: Entry) => (old ? versions : versions.slice(-1));
    const of = (holds: (entry: Entry) => boolean) =>
      seen
        .filter(holds)
        .map(({ id }) => id)
        .sort();
    return {
      keyword: of((entry) => searched(entry).some((version) => version.word === word)),
      names: of(({ nameWord }) => nameWord === word),
      semantic: of((entry) => searched(entry).some(({ hasVector }) => hasVector)),
      indexed: old
        ? undefined
        : seen.filter((entry) => searched(entry).some(({ hasVector }) => hasVector)).length,
      files: old ? undefined : seen.length,
    };
  }

  async function found(user: string, word: string, filters: SearchFilters) {
    const answer = await search.search({ userId: user, filters }, parseQuery(word), {
      keyword: true,
      vectors: [{ model: TEST_MODEL, values: [1, 0, 0] }],
      depth: FOREVER,
    });
    const { indexed, pending, failed, skipped } = answer.coverage;
    const old = filters.versions === 'all';
    const of = (leg: readonly { fileId: string }[]) => leg.map(({ fileId }) => fileId).sort();
    return {
      keyword: of(answer.keyword),
      names: of(answer.names),
      semantic: of(answer.semantic),
      indexed: old ? undefined : indexed,
      files: old ? undefined : indexed + pending + failed + skipped,
    };
  }

  return {
    /** @throws when a search shows more, or less, than the model. */
    async walk(steps: number): Promise<number> {
      let searches = 0;
      for (let step = 1; step <= steps; step += 1) {
        const change = files.length === 0 ? upload : chance.one(STEPS_BY_SHARE);
        (change === upload && files.length >= MOST_FILES ? edit : change)();
        if (step % STEPS_TO_A_SEARCH !== 0) continue;
        await index.run(due);
        due = [];
        const [user, word, old] = [chance.one(users), chance.one(WORDS), chance.below(5) === 0];
        const answer = await found(user, word, old ? { versions: 'all' } : {});
        expect(answer, `seed ${seed}, step ${step}`).toEqual(expected(user, word, old));
        searches += 1;
      }
      return searches;
    },
  };
}

test(
  'search shows exactly what the caller may see, whatever happened before',
  async () => {
    const world = await createWorld(SEED);
    expect(await world.walk(STEPS)).toBe(Math.floor(STEPS / STEPS_TO_A_SEARCH));
  },
  60_000 + STEPS * 30,
);

describe('a planted leak is found:', () => {
  const redefine = (body: string) =>
    database.db.execute(
      sql.raw(`create or replace function storage.visible_files(user_id uuid)
        returns table (file_id uuid, version_id uuid) language sql stable as $$ ${body} $$`),
    );
  const TRUE_ONE = `select f.id, f.current_version_id from storage.visible_scopes(visible_files.user_id) s
    join storage.files f on f.scope_id = s.scope_id`;
  test.each([
    ['the trash', TRUE_ONE],
    [
      'every scope of the drive where one was shared',
      `select f.id, f.current_version_id from storage.visible_drives(visible_files.user_id) d
      join storage.files f on f.drive_id = d.drive_id where f.trashed_at is null`,
    ],
    [
      'nothing of a scope that is somebody else’s',
      `${TRUE_ONE} where f.trashed_at is null and f.drive_id = visible_files.user_id`,
    ],
  ])('%s', async (_, body) => {
    await redefine(body);
    try {
      const world = await createWorld(SEED + 1);
      await expect(world.walk(1_000)).rejects.toThrow(/seed \d+, step \d+/);
    } finally {
      await redefine(`${TRUE_ONE} where f.trashed_at is null`);
    }
  });
});
