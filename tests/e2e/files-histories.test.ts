import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { type Client, createClient, refusal } from './harness/client.ts';
import { getFile, list, makeFolder, post } from './harness/files.ts';
import { linearize } from './harness/linearizable.ts';
import { type PathCall, recordHistory, stepPaths } from './harness/path-histories.ts';
import { pick, seeded, seedOfRun } from './harness/seeded.ts';

const api = createClient(inject('installation').url);
const SEED = seedOfRun();
/** In each composition, `ACCOUNTS` at a time. */
const HISTORIES = 120;
const ACCOUNTS = 4;
/** About ten seconds where nothing else runs. */
const PATIENCE_MS = 240_000;

const inOrder = (calls: readonly PathCall[]) =>
  calls
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .map(
      ({ startedAt, endedAt, ...call }) =>
        `${startedAt.toFixed(1)}-${endedAt.toFixed(1)} ${JSON.stringify(call)}`,
    )
    .join('\n');

function expectLinearizable(calls: readonly PathCall[], seed: number): void {
  if (linearize(calls, {}, stepPaths) === undefined)
    throw new Error(`no order explains this history (SEED=${seed}):\n${inOrder(calls)}`);
}

describe('the checker of histories', () => {
  const file = { id: 'f', number: 1, sha256: 'a' };
  const write: PathCall = { kind: 'write', name: 'p', sha256: 'a', seen: file, startedAt: 0, endedAt: 2 };
  const second = { ...write, sha256: 'b', seen: { ...file, number: 2, sha256: 'b' } };
  const read = (seen: typeof file | null) => ({ kind: 'read', name: 'p', seen }) as const;

  it.each<[string, PathCall[], boolean]>([
    ['a read beside a write, of before it', [write, { ...read(null), startedAt: 1, endedAt: 3 }], true],
    ['a read after a write, of before it', [write, { ...read(null), startedAt: 3, endedAt: 4 }], false],
    ['two writes of one number', [write, { ...second, seen: file, startedAt: 3, endedAt: 4 }], false],
    [
      'an old version after a new one was seen',
      [
        write,
        { ...second, startedAt: 1, endedAt: 9 },
        { ...read({ ...file, number: 2, sha256: 'b' }), startedAt: 3, endedAt: 4 },
        { ...read(file), startedAt: 5, endedAt: 6 },
      ],
      false,
    ],
    [
      'a file at two names',
      [
        write,
        { kind: 'move', id: 'f', to: 'q', replace: false, startedAt: 3, endedAt: 4 },
        { ...read(file), startedAt: 5, endedAt: 6 },
      ],
      false,
    ],
  ])('of %s', (_, calls, isFine) => {
    expect(linearize(calls, {}, stepPaths) !== undefined).toBe(isFine);
  });
});

describe('one path in many hands', () => {
  it(
    `each of ${HISTORIES} histories of writers, readers, movers and deleters has an order (SEED=${SEED})`,
    async () => {
      const seeds = Array.from({ length: HISTORIES }, (_, at) => SEED + at);
      let calls = 0;
      await Promise.all(
        Array.from({ length: ACCOUNTS }, async () => {
          const { api: mine, tokens } = await newAccount(api);
          for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
            const folder = await makeFolder(mine, `history ${seed}`);
            const plan = {
              api: mine,
              token: tokens.accessToken,
              folderId: folder.id,
              random: seeded(seed),
              clients: 5,
              callsEach: 2,
            };
            const history = await recordHistory(plan);
            calls += history.length;
            expectLinearizable(history, seed);
          }
        }),
      );
      expect(calls).toBe(HISTORIES * 10);
    },
    PATIENCE_MS,
  );

  it(`so has one of fifty clients at once (SEED=${SEED})`, async () => {
    const { api: mine, tokens } = await newAccount(api);
    const folder = await makeFolder(mine, 'crowd');
    const plan = {
      api: mine,
      token: tokens.accessToken,
      folderId: folder.id,
      random: seeded(SEED),
      clients: 50,
      callsEach: 2,
    };
    expectLinearizable(await recordHistory(plan), SEED);
  });
});

describe('moves at once', () => {
  const move = (mine: Client, id: string, json: object) => mine.call('PATCH', `/v1/files/${id}`, { json });

  it(`of folders into each other make no cycle and lose none (SEED=${SEED})`, async () => {
    const { api: mine } = await newAccount(api);
    const random = seeded(SEED);
    const folders = await Promise.all(Array.from({ length: 6 }, (_, at) => makeFolder(mine, `folder ${at}`)));
    const ids = folders.map(({ id }) => id);
    for (const { id } of folders) await post(mine, 'inside', id, { parentId: id });
    const answers: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const moves = ids.map((id) => move(mine, id, { parentId: pick(random, [...ids, null]) }));
      answers.push(...(await Promise.all(moves)).map(refusal));
    }
    expect([...new Set(answers)].filter((one) => one !== '200' && one !== '409 folder_cycle')).toEqual([]);
    expect(answers).toEqual(expect.arrayContaining(['200', '409 folder_cycle']));
    const reached: string[] = [];
    const walk = async (parentId?: string): Promise<void> => {
      for (const { id, kind } of (await list(mine, parentId ? { parentId } : {})).items) {
        reached.push(id);
        if (kind === 'folder') await walk(id);
      }
    };
    await walk();
    expect(reached.length).toBe(new Set(reached).size);
    expect(reached).toHaveLength(2 * ids.length);
    expect(reached).toEqual(expect.arrayContaining(ids));
    for (const id of ids) expect((await getFile(mine, id)).path).toMatch(/^(\/folder \d)+$/);
  });

  it('of two chains into each other’s ends: one of them is refused', async () => {
    const { api: mine } = await newAccount(api);
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = await Promise.all([makeFolder(mine, `a${round}`), makeFolder(mine, `b${round}`)]);
      const [c, d] = await Promise.all([makeFolder(mine, 'c', a.id), makeFolder(mine, 'd', b.id)]);
      const answers = await Promise.all([
        move(mine, a.id, { parentId: d.id }),
        move(mine, b.id, { parentId: c.id }),
      ]);
      expect(answers.map(refusal).toSorted()).toEqual(['200', '409 folder_cycle']);
    }
  });

  it('of many to one name: one of them has it, the others are where they were', async () => {
    const { api: mine } = await newAccount(api);
    const names = Array.from({ length: 12 }, (_, at) => `file ${at}`);
    const answers = await Promise.all(names.map((name) => post(mine, name, name)));
    const ids = answers.map((answer) => String(JSON.parse(new TextDecoder().decode(answer.bytes)).id));
    const moved = (await Promise.all(ids.map((id) => move(mine, id, { name: 'one' })))).map(refusal);
    expect(moved.toSorted()).toEqual(['200', ...Array(11).fill('409 name_conflict')]);
    const left = (await list(mine)).items.map(({ name }) => name);
    expect(left.toSorted()).toEqual(['one', ...names.filter((_, at) => moved[at] !== '200')].toSorted());
  });
});

describe('names that are the same to people', () => {
  const SPELLINGS = ['Café', 'café', 'CAFÉ', 'Cafe\u0301', 'cafe\u0301', 'CAFE\u0301'];

  it('made at once under all spellings: one is made, the others conflict', async () => {
    const { api: mine } = await newAccount(api);
    const made = await Promise.all([
      ...SPELLINGS.map((name) => post(mine, name, name)),
      ...SPELLINGS.map((name) => mine.call('POST', '/v1/folders', { json: { name } })),
    ]);
    expect(made.map(refusal).toSorted()).toEqual(['201', ...Array(11).fill('409 name_conflict')]);
    expect((await list(mine)).items).toHaveLength(1);
  });

  it('with `rename` all are made, and no two are the same', async () => {
    const { api: mine } = await newAccount(api);
    const made = await Promise.all(
      SPELLINGS.map((name) =>
        mine.call('POST', `/v1/files?${new URLSearchParams({ name, conflict: 'rename' })}`, {
          body: new TextEncoder().encode(name),
        }),
      ),
    );
    expect(made.map(refusal)).toEqual(Array(SPELLINGS.length).fill('201'));
    const keys = (await list(mine)).items.map(({ name }) => name.normalize('NFC').toLowerCase());
    expect(new Set(keys).size).toBe(SPELLINGS.length);
  });
});
