import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../core/database/columns.ts';
import type { ObjectStore } from '../../core/objects/object-store.ts';
import { createS3ObjectStore } from '../../core/objects/s3-object-store.ts';
import { DependencyError } from '../../core/resilience/dependency.ts';
import { BUCKET, CREDENTIALS, REGION, startTestServer, type TestServer } from '../../local/s3/test-server.ts';
import { startTestDatabase, type TestDatabase } from '../../local/testing/database.ts';
import type { StorageRepository } from './ports.ts';
import { createStorageRepository } from './repository/storage-repository.ts';
import { createStorageService, etagOf, matchesEtag, type StorageService, type Upload } from './service.ts';

let database: TestDatabase;
let s3: TestServer;
let objects: ObjectStore;
let repository: StorageRepository;
let storage: StorageService;
let user: string;

beforeAll(async () => {
  [database, s3] = await Promise.all([startTestDatabase(), startTestServer()]);
  objects = createS3ObjectStore({
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: REGION,
    S3_BUCKET: BUCKET,
    S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  });
  repository = createStorageRepository(database.db);
  storage = createService({});
}, 120_000);

afterAll(async () => {
  await database.close();
  await s3.close();
});

beforeEach(() => {
  user = newId('usr');
});

afterEach(() => expect(s3.internalErrors).toEqual([]));

function createService(overrides: { repository?: StorageRepository; objects?: ObjectStore }): StorageService {
  return createStorageService({
    repository,
    objects,
    newId,
    digest: (body) => {
      if (!(body instanceof Uint8Array)) throw new Error('tests upload bytes');
      return { body, sha256: Promise.resolve(createHash('sha256').update(body).digest('hex')) };
    },
    maxUploadBytes: 1_000,
    ...overrides,
  });
}

function bytes(text: string): Upload {
  const body = new TextEncoder().encode(text);
  return { body, size: body.byteLength, contentType: 'text/plain' };
}

const upload = (name: string, text = 'hello', parentId?: string) =>
  storage.createFile(user, { name, parentId }, bytes(text));
const folder = (name: string, parentId?: string) => storage.createFolder(user, { name, parentId });
const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
const names = async (parentId?: string) =>
  (await storage.list(user, { parentId, limit: 200 })).items.map(({ name }) => name);
const textOf = async (fileId: string, range?: string) => {
  const { version } = await storage.content(user, fileId);
  return (await storage.bytes(version, range, AbortSignal.timeout(5_000))).text();
};

describe('uploading', () => {
  test('keeps the bytes, their size, hash and type, and leaves one event', async () => {
    const file = await upload('a.txt', 'hello');
    expect(file).toMatchObject({
      kind: 'file',
      name: 'a.txt',
      path: '/a.txt',
      size: 5,
      contentType: 'text/plain',
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      version: { number: 1 },
      analysis: { status: 'pending' },
    });
    expect(await textOf(file.id)).toBe('hello');
    const events = (await storage.events(null, 1_000)).filter(({ fileId }) => fileId === file.id);
    expect(events).toMatchObject([{ type: 'version.created', versionId: file.version?.id }]);
  });

  test('an empty file is a file', async () => {
    const file = await upload('empty', '');
    expect(file.size).toBe(0);
    expect(await textOf(file.id)).toBe('');
  });

  test('the object says what it is, for the day the database is lost', async () => {
    const file = await upload('ä 🎉.txt');
    const { version } = await storage.content(user, file.id);
    const { headers } = await storage.bytes(version, undefined, AbortSignal.timeout(5_000));
    expect(headers.get('x-amz-meta-file-id')).toBe(file.id);
    expect(headers.get('x-amz-meta-owner-id')).toBe(user);
    expect(decodeURIComponent(headers.get('x-amz-meta-name') ?? '')).toBe('ä 🎉.txt');
  });

  test('bytes that do not have the announced digest leave neither row nor object', async () => {
    const before = s3.storedFiles();
    const wrong = { ...bytes('hello'), sha256: '0'.repeat(64) };
    expect(await codeOf(storage.createFile(user, { name: 'a' }, wrong))).toBe('digest_mismatch');
    expect(await names()).toEqual([]);
    expect(s3.storedFiles()).toBe(before);
  });

  test('bytes that have it are taken', async () => {
    const { sha256 } = await upload('a');
    const file = await storage.createFile(user, { name: 'b' }, { ...bytes('hello'), sha256: sha256 ?? '' });
    expect(file.sha256).toBe(sha256);
  });

  test('too many bytes are refused before they are sent anywhere', async () => {
    expect(await codeOf(upload('a', 'x'.repeat(1_001)))).toBe('file_too_large');
  });

  test('a name that is taken, in whatever case or composition, is refused before the bytes are sent', async () => {
    await upload('Ä.txt');
    const before = s3.storedFiles();
    expect(await codeOf(upload('a\u0308.TXT'))).toBe('name_conflict');
    expect(s3.storedFiles()).toBe(before);
  });

  test('of many at once under one name exactly one stays, and no object of the others', async () => {
    const before = s3.storedFiles();
    const codes = await Promise.all(
      Array.from({ length: 8 }, (_, at) => codeOf(upload('same', `text ${at}`))),
    );
    expect(codes.filter((code) => code === 'done')).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['done', 'name_conflict']));
    expect(await names()).toEqual(['same']);
    expect(s3.storedFiles()).toBe(before + 1);
  });

  test('a commit that fails leaves no row', async () => {
    const broken = {
      ...repository,
      insertFile: () => Promise.reject(new DependencyError('postgres', 'gone')),
    };
    await expect(
      createService({ repository: broken }).createFile(user, { name: 'a' }, bytes('x')),
    ).rejects.toThrow(DependencyError);
    expect(await names()).toEqual([]);
  });

  test('a store that fails leaves no row', async () => {
    const broken = { ...objects, put: () => Promise.reject(new DependencyError('s3', 'gone')) };
    await expect(
      createService({ objects: broken }).createFile(user, { name: 'a' }, bytes('x')),
    ).rejects.toThrow(DependencyError);
    expect(await names()).toEqual([]);
  });

  test('a refusal stays a refusal when the object cannot be removed', async () => {
    const broken = { ...objects, delete: () => Promise.reject(new DependencyError('s3', 'gone')) };
    const late = { ...repository, insertFile: async () => 'name_conflict' as const };
    const service = createService({ objects: broken, repository: late });
    expect(await codeOf(service.createFile(user, { name: 'a' }, bytes('x')))).toBe('name_conflict');
  });
});

describe('versions', () => {
  test('writing makes a new one, and the old one can be had back', async () => {
    const file = await upload('a', 'one');
    const second = await storage.replaceContent(user, file.id, null, bytes('two'));
    expect([second.version?.number, await textOf(file.id)]).toEqual([2, 'two']);
    const third = await storage.restoreVersion(user, file.id, file.version?.id ?? '');
    expect([third.version?.number, await textOf(file.id)]).toEqual([3, 'one']);
    const { items } = await storage.versions(user, file.id, { limit: 10 });
    expect(items.map(({ number, current }) => [number, current])).toEqual([
      [3, true],
      [2, false],
      [1, false],
    ]);
  });

  test('with If-Match only one of many concurrent writers wins', async () => {
    const file = await upload('a', 'one');
    const ifMatch = etagOf({ sha256: file.sha256 ?? '' });
    const codes = await Promise.all(
      Array.from({ length: 6 }, (_, at) =>
        codeOf(storage.replaceContent(user, file.id, ifMatch, bytes(`v${at}`))),
      ),
    );
    expect(codes.toSorted()).toEqual(['done', ...Array.from({ length: 5 }, () => 'precondition_failed')]);
  });

  test('without it all of them are kept, numbered without a gap', async () => {
    const file = await upload('a', 'one');
    await Promise.all(
      Array.from({ length: 6 }, (_, at) => storage.replaceContent(user, file.id, null, bytes(`v${at}`))),
    );
    const { items } = await storage.versions(user, file.id, { limit: 10 });
    expect(items.map(({ number }) => number)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  test('a page of versions ends where the next begins', async () => {
    const file = await upload('a', 'one');
    for (const text of ['two', 'three']) await storage.replaceContent(user, file.id, null, bytes(text));
    const first = await storage.versions(user, file.id, { limit: 2 });
    const rest = await storage.versions(user, file.id, { limit: 2, cursor: Number(first.nextCursor) });
    expect([...first.items, ...rest.items].map(({ number }) => number)).toEqual([3, 2, 1]);
    expect(rest.nextCursor).toBeNull();
  });

  test('a folder has none', async () => {
    const { id } = await folder('f');
    expect(await codeOf(storage.content(user, id))).toBe('not_a_file');
    expect(await codeOf(storage.replaceContent(user, id, null, bytes('x')))).toBe('not_a_file');
  });

  test.each(['W/"x"', '"y"', 'x', '', '"x'])('If-Match: %s does not match "x"', (header) => {
    expect(matchesEtag(header, '"x"')).toBe(false);
  });

  test.each(['"x"', ' "y" , "x"', '*', 'W/"x", "x"'])('If-Match: %s matches "x"', (header) => {
    expect(matchesEtag(header, '"x"')).toBe(true);
  });
});

describe('somebody else', () => {
  test('finds nothing of it, whatever they try', async () => {
    const file = await upload('mine');
    const dir = await folder('dir');
    const other = newId('usr');
    const attempts = [
      storage.file(other, file.id),
      storage.content(other, file.id),
      storage.update(other, file.id, { name: 'x' }),
      storage.trash(other, file.id),
      storage.versions(other, file.id, { limit: 1 }),
      storage.replaceContent(other, file.id, null, bytes('x')),
      storage.restoreVersion(other, file.id, file.version?.id ?? ''),
    ];
    expect(new Set(await Promise.all(attempts.map(codeOf)))).toEqual(new Set(['file_not_found']));
    const places = [
      storage.list(other, { parentId: dir.id, limit: 1 }),
      storage.createFolder(other, { name: 'x', parentId: dir.id }),
      storage.createFile(other, { name: 'x', parentId: dir.id }, bytes('x')),
    ];
    expect(new Set(await Promise.all(places.map(codeOf)))).toEqual(new Set(['folder_not_found']));
    expect(await storage.files(other, [file.id, dir.id])).toEqual([]);
    expect(await names()).toEqual(['mine', 'dir']);
  });
});

describe('the tree', () => {
  test('the trash takes a folder with all below it, and their names are free again', async () => {
    const outer = await folder('outer');
    const inner = await folder('inner', outer.id);
    const file = await upload('a', 'x', inner.id);
    await storage.trash(user, outer.id);
    expect(await codeOf(storage.file(user, file.id))).toBe('file_not_found');
    expect(await codeOf(storage.versionSource(file.version?.id ?? ''))).toBe('version_not_found');
    const trashed = (await storage.events(null, 1_000)).filter(({ type }) => type === 'file.trashed');
    expect(trashed.map(({ fileId }) => fileId)).toEqual(
      expect.arrayContaining([outer.id, inner.id, file.id]),
    );
    expect((await folder('outer')).name).toBe('outer');
  });

  test('concurrent moves never make a cycle', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => folder(`${name}${round}`)));
      if (!a || !b || !c) throw new Error('no folders');
      const moves = [a, b, c].flatMap((from) =>
        [a, b, c].map((to) => codeOf(storage.update(user, from.id, { parentId: to.id }))),
      );
      const codes = await Promise.all(moves);
      expect(codes.filter((code) => code !== 'done' && code !== 'folder_cycle')).toEqual([]);
      for (const { id } of [a, b, c]) expect((await storage.file(user, id)).path).toMatch(/^\//);
      expect((await names()).some((name) => name.endsWith(String(round)))).toBe(true);
    }
  });

  test('a folder that is trashed while something is put into it keeps nothing that lives', async () => {
    const dir = await folder('dir');
    await Promise.all([
      ...Array.from({ length: 5 }, (_, at) => codeOf(upload(`f${at}`, 'x', dir.id))),
      storage.trash(user, dir.id),
    ]);
    const living =
      await database.db.execute(sql`select 1 from storage.files f join storage.files p on p.id = f.parent_id
      where f.trashed_at is null and p.trashed_at is not null`);
    expect(living.rows).toEqual([]);
  });

  test('behaves like a simple model of it, whatever is done in whatever order', async () => {
    const index = fc.nat({ max: 7 });
    const name = fc.constantFrom('a', 'A', 'b', 'ä', 'a\u0308');
    const step = fc.oneof(
      fc.record({ do: fc.constant('create' as const), name, at: index }),
      fc.record({ do: fc.constant('rename' as const), name, which: index }),
      fc.record({ do: fc.constant('move' as const), which: index, at: index }),
      fc.record({ do: fc.constant('trash' as const), which: index }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        user = newId('usr');
        await followModel(steps);
      }),
      { numRuns: 15 },
    );
  });
});

interface Node {
  id: string;
  name: string;
  parent: Node | undefined;
}
type Step =
  | { do: 'create'; name: string; at: number }
  | { do: 'rename'; name: string; which: number }
  | { do: 'move'; which: number; at: number }
  | { do: 'trash'; which: number };

/** Folders only: `at` 0 is the root, everything else picks among the living by position. */
async function followModel(steps: readonly Step[]): Promise<void> {
  let living: Node[] = [];
  const key = (text: string) => text.normalize('NFC').toLowerCase();
  const pick = (at: number) => (living.length === 0 ? undefined : living[at % living.length]);
  const place = (at: number) => (at === 0 ? undefined : pick(at - 1));
  const isTaken = (name: string, parent: Node | undefined, except?: Node) =>
    living.some((node) => node !== except && node.parent === parent && key(node.name) === key(name));
  const isBelow = (node: Node | undefined, above: Node): boolean =>
    node !== undefined && (node === above || isBelow(node.parent, above));
  const pathOf = (node: Node): string => `${node.parent ? pathOf(node.parent) : ''}/${node.name}`;

  for (const step of steps) {
    if (step.do === 'create') {
      const parent = place(step.at);
      const expected = isTaken(step.name, parent) ? 'name_conflict' : 'done';
      const created = storage.createFolder(user, { name: step.name, parentId: parent?.id ?? null });
      expect(await codeOf(created)).toBe(expected);
      if (expected === 'done') living.push({ id: (await created).id, name: step.name, parent });
      continue;
    }
    const node = pick(step.which);
    if (node === undefined) continue;
    if (step.do === 'rename') {
      const expected = isTaken(step.name, node.parent, node) ? 'name_conflict' : 'done';
      expect(await codeOf(storage.update(user, node.id, { name: step.name }))).toBe(expected);
      if (expected === 'done') node.name = step.name;
    } else if (step.do === 'move') {
      const target = place(step.at);
      const blocked = isTaken(node.name, target, node) ? 'name_conflict' : 'done';
      const expected = isBelow(target, node) ? 'folder_cycle' : blocked;
      expect(await codeOf(storage.update(user, node.id, { parentId: target?.id ?? null }))).toBe(expected);
      if (expected === 'done') node.parent = target;
    } else {
      await storage.trash(user, node.id);
      living = living.filter((other) => !isBelow(other, node));
    }
  }
  const shown = await storage.files(
    user,
    living.map(({ id }) => id),
  );
  expect(shown.map(({ path }) => path).toSorted()).toEqual(living.map(pathOf).toSorted());
  const top = living.filter(({ parent }) => parent === undefined);
  expect((await names()).toSorted()).toEqual(top.map(({ name }) => name).toSorted());
}

describe('the outbox', () => {
  test('read in pages gives each event once, in order, while others are being written', async () => {
    const writing = Promise.all(Array.from({ length: 20 }, (_, at) => folder(`w${at}`)));
    const seen: string[] = [];
    let cursor: string | null = null;
    const readOn = async () => {
      for (;;) {
        const page = await storage.events(cursor, 3);
        seen.push(...page.map((event) => event.cursor));
        cursor = page.at(-1)?.cursor ?? cursor;
        if (page.length === 0) return;
      }
    };
    await readOn();
    await writing;
    await readOn();
    const all = await database.db.execute(
      sql`select transaction_id::text || ':' || id::text as cursor from storage.outbox order by transaction_id, id`,
    );
    expect(seen).toEqual(all.rows.map((row) => row.cursor));
  });

  test('hides what a transaction has written that is not behind every running one, and shows it later', async () => {
    const { id } = await folder('early');
    await database.db.execute(sql`
      insert into storage.outbox (transaction_id, type, file_id)
      select (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 2)::text::xid8, 'file.renamed', f.id
      from storage.files f where f.owner_id = ${idToUuid(user)}::uuid`);
    const types = async () =>
      (await storage.events(null, 1_000)).filter(({ fileId }) => fileId === id).map(({ type }) => type);
    expect(await types()).toEqual(['folder.created']);
    for (const name of ['x', 'y', 'z', 'w']) await folder(name);
    expect(await types()).toEqual(['folder.created', 'file.renamed']);
  });
});

test('listing pages through a folder without a gap or a repetition', async () => {
  const { id } = await folder('many');
  await Promise.all(Array.from({ length: 7 }, (_, at) => folder(`n${at}`, id)));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await storage.list(user, { parentId: id, cursor, limit: 3 });
    seen.push(...page.items.map(({ name }) => name));
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
  expect(seen.toSorted()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
});
