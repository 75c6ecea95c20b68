import { afterAll, beforeAll, expect, test } from 'vitest';
import { TAXONOMY } from '../../src/contracts/taxonomy.ts';
import { taxonomy } from '../../src/sidecar/plugins/classification/taxonomy.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;

beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

type User = Awaited<ReturnType<TestAi['newUser']>>;
interface Category {
  label: string;
  name: string;
  score: number;
  corrected: boolean;
}

const create = (user: User, json: unknown, drive = user.id) =>
  user.call('POST', `/v1/drives/${drive}/labels`, { json });
const categories = async (user: User, id: string): Promise<Category[]> =>
  (await user.call('GET', `/v1/files/${id}/categories`)).body.categories;
const correct = (user: User, id: string, label: string, right: boolean) =>
  user.call('PUT', `/v1/files/${id}/categories/${label}`, { json: { correct: right } });

test('both sides know the same taxonomy', () => {
  expect(taxonomy.map(({ name }) => name)).toEqual(TAXONOMY);
});

test('a label is made with examples, listed, changed and deleted', async () => {
  const user = await ai.newUser();
  const [a, b] = [await user.file('a.txt'), await user.file('b.txt')];
  const made = await create(user, { name: ' Vet ', description: 'Letters of the vet', examples: [a, a] });
  expect(made).toMatchObject({ status: 201, body: { name: 'Vet', examples: [a], right: 1, wrong: 0 } });
  const second = await create(user, { name: 'Tax' });
  const path = `/v1/drives/${user.id}/labels`;
  const page = await user.call('GET', `${path}?limit=1`);
  expect(page.body).toMatchObject({ items: [{ id: made.body.id }], nextCursor: made.body.id });
  const next = await user.call('GET', `${path}?limit=1&cursor=${page.body.nextCursor}`);
  expect(next.body).toMatchObject({ items: [{ id: second.body.id }], nextCursor: null });
  const changed = await user.call('PATCH', `${path}/${made.body.id}`, { json: { examples: [b] } });
  expect(changed.body).toMatchObject({ name: 'Vet', examples: [b], right: 1 });
  const taken = await user.call('PATCH', `${path}/${second.body.id}`, { json: { name: 'VET' } });
  expect([taken.status, taken.body.code]).toEqual([409, 'label_exists']);
  expect((await user.call('DELETE', `${path}/${made.body.id}`)).status).toBe(204);
  expect((await user.call('DELETE', `${path}/${made.body.id}`)).body.code).toBe('label_not_found');
  expect(await ai.query(`select from ai.label_examples where drive_id = '${user.id.slice(4)}'`)).toEqual([]);
});

test('of two that make the same label at once, one is told that it is there', async () => {
  const user = await ai.newUser();
  const answers = await Promise.all([
    create(user, { name: 'Invoices' }),
    create(user, { name: 'invoices' }),
    create(user, { name: 'INVOICES' }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  expect(answers.filter(({ status }) => status === 409).map(({ body }) => body.code)).toEqual([
    'label_exists',
    'label_exists',
  ]);
});

test('a drive has 200 labels at most, however many are made at once', async () => {
  const user = await ai.newUser();
  const uuid = user.id.slice(4);
  await ai.query(`insert into ai.labels (id, drive_id, name, created_by)
    select gen_random_uuid(), '${uuid}', 'l' || n, '${uuid}' from generate_series(1, 198) n`);
  const answers = await Promise.all([1, 2, 3, 4].map((n) => create(user, { name: `new ${n}` })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409]);
  expect(answers.find(({ status }) => status === 409)?.body.code).toBe('too_many_labels');
});

test('owner and managers of a workspace define labels, others of it see them, nobody else learns of them', async () => {
  const [owner, admin, member, viewer, stranger] = await Promise.all([1, 2, 3, 4, 5].map(() => ai.newUser()));
  if (!owner || !admin || !member || !viewer || !stranger) throw new Error();
  const drive = await ai.storage.newWorkspace([
    [owner, 'owner'],
    [admin, 'admin'],
    [member, 'member'],
    [viewer, 'viewer'],
  ]);
  // The drive has nothing in it yet.
  const { id } = (await create(owner, { name: 'one' }, drive)).body;
  expect((await create(admin, { name: 'two' }, drive)).status).toBe(201);
  const path = `/v1/drives/${drive}/labels`;
  for (const user of [member, viewer]) {
    expect((await user.call('GET', path)).body.items).toHaveLength(2);
    for (const answer of [
      await create(user, { name: 'three' }, drive),
      await user.call('PATCH', `${path}/${id}`, { json: { name: 'x' } }),
      await user.call('DELETE', `${path}/${id}`),
    ])
      expect([answer.status, answer.body.code]).toEqual([403, 'role_required']);
  }
  for (const answer of [
    await stranger.call('GET', path),
    await create(stranger, { name: 'x' }, drive),
    await stranger.call('PATCH', `${path}/${id}`, { json: { name: 'x' } }),
    await stranger.call('DELETE', `${path}/${id}`),
    await create(stranger, { name: 'x' }, `wsp_${'0'.repeat(32)}`),
  ])
    expect([answer.status, answer.body.code]).toEqual([404, 'drive_not_found']);
  const foreign = await stranger.call('PATCH', `/v1/drives/${stranger.id}/labels/${id}`, {
    json: { name: 'x' },
  });
  expect(foreign.body.code).toBe('label_not_found');
});

test('examples are files of the drive that the caller sees, and no others are shown', async () => {
  const [user, other] = [await ai.newUser(), await ai.newUser()];
  const [foreign, folder, gone] = [
    await other.file('a.txt'),
    await user.folder('f'),
    await user.file('gone.txt'),
  ];
  await user.call('DELETE', `/v1/files/${gone}`);
  for (const id of [foreign, folder, gone, `file_${'0'.repeat(32)}`]) {
    const answer = await create(user, { name: 'x', examples: [id] });
    expect([answer.status, answer.body.code]).toEqual([404, 'file_not_found']);
  }
  expect((await user.call('GET', `/v1/drives/${user.id}/labels`)).body.items).toEqual([]);
  const fine = await user.file('fine.txt');
  const made = await create(user, { name: 'x', examples: [fine] });
  await user.call('DELETE', `/v1/files/${fine}`);
  const listed = await user.call('GET', `/v1/drives/${user.id}/labels`);
  expect(listed.body.items).toMatchObject([{ id: made.body.id, examples: [], right: 0 }]);
});

test('hostile names are kept as they are or refused, and change nothing else', async () => {
  const user = await ai.newUser();
  for (const name of [
    "'; drop table ai.labels; --",
    '<img src=x onerror=1>',
    '__proto__',
    '{{7*7}}',
    '$1',
    '😀',
    '%',
  ]) {
    const made = await create(user, { name, description: name });
    expect(made).toMatchObject({ status: 201, body: { name, description: name } });
  }
  for (const name of ['', '   ', 'a'.repeat(101), 'a\0', 'a\nb', '\ud800', 7, null])
    expect((await create(user, { name })).status).toBe(400);
  expect(
    (await create(user, { name: 'ok', examples: Array(51).fill(`file_${'0'.repeat(32)}`) })).status,
  ).toBe(400);
  expect((await create(user, { name: 'ok', other: 1 })).status).toBe(400);
});

test('a correction counts at once, by editors only, and can be forgotten', async () => {
  const [owner, editor, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => ai.newUser()));
  if (!owner || !editor || !viewer || !stranger) throw new Error();
  const id = await owner.file('a.txt', 'Nothing much is said here.');
  for (const [user, role] of [
    [editor, 'editor'],
    [viewer, 'viewer'],
  ] as const)
    await owner.call('POST', `/v1/files/${id}/grants`, {
      json: { principal: { kind: 'user', id: user.id }, role },
    });
  const said = await correct(editor, id, 'recipe', true);
  expect(said).toMatchObject({
    status: 200,
    body: { categories: [{ label: 'recipe', name: 'recipe', score: 1, corrected: true }] },
  });
  expect((await correct(viewer, id, 'recipe', false)).body.code).toBe('role_required');
  expect((await correct(stranger, id, 'recipe', false)).body.code).toBe('file_not_found');
  expect((await correct(stranger, id, 'nonsense', false)).body.code).toBe('file_not_found');
  expect((await correct(owner, id, 'nonsense', true)).body.code).toBe('label_not_found');
  const foreign = await create(editor, { name: 'mine' });
  expect((await correct(editor, id, foreign.body.id, true)).body.code).toBe('label_not_found');
  expect((await categories(viewer, id)).map(({ label }) => label)).toEqual(['recipe']);
  await correct(owner, id, 'recipe', false);
  expect(await categories(owner, id)).toEqual([]);
  await correct(owner, id, 'recipe', true);
  expect((await owner.call('DELETE', `/v1/files/${id}/categories/recipe`)).status).toBe(204);
  expect(await categories(owner, id)).toEqual([]);
});

test('a file that has left the drive takes no label of the drive along', async () => {
  const user = await ai.newUser();
  const drive = await ai.storage.newWorkspace([[user, 'owner']]);
  const label = (await create(user, { name: 'secret project' })).body.id;
  const id = await user.file('a.txt', 'Some text.');
  await correct(user, id, label, true);
  expect(await categories(user, id)).toMatchObject([{ label, name: 'secret project' }]);
  const moved = await user.call('PATCH', `/v1/files/${id}`, { json: { driveId: drive, parentId: null } });
  expect(moved.status).toBe(200);
  expect(await categories(user, id)).toEqual([]);
});

const log = (week: number, nests: number, chicks: number) =>
  `Field log of the heron colony at the north lake, week ${week}. Nests counted from the boat: ${nests}. Chicks that were ringed: ${chicks}. The water stood high, and two observers were there.`;
const LOGS = [log(11, 42, 7), log(12, 44, 12), log(13, 41, 30), log(14, 45, 38)];
const dish = (fruit: string) =>
  `Recipe for a ${fruit} cake. Ingredients: flour, sugar, four eggs, butter and ${fruit}s. Beat butter and sugar, stir in the eggs and the flour, and bake for an hour in the oven. Serves eight.`;

test('three corrections change the answer for a fourth file that is like them', async () => {
  const user = await ai.newUser();
  const label = (await create(user, { name: 'Wildlife', description: 'Notes about animals' })).body.id;
  const ids = await Promise.all(LOGS.slice(0, 3).map((text, n) => user.file(`${n}.txt`, text)));
  const before = await user.file('before.txt', LOGS[3]);
  await ai.work();
  expect(await categories(user, before)).toEqual([]);
  for (const id of ids) await correct(user, id, label, true);
  const after = await user.file('after.txt', `${LOGS[3]} `);
  const other = await user.file('other.txt', 'The tax return is due in October and needs a signature.');
  await ai.work();
  expect(await categories(user, after)).toMatchObject([{ label, name: 'Wildlife', corrected: false }]);
  expect(await categories(user, other)).toEqual([]);
});

test('categories of the default taxonomy learn in the same way, what is right and what is wrong', async () => {
  const user = await ai.newUser();
  const logs = await Promise.all(LOGS.slice(0, 3).map((text, n) => user.file(`${n}.txt`, text)));
  const dishes = await Promise.all(
    ['apple', 'pear', 'plum'].map((fruit) => user.file(`${fruit}.txt`, dish(fruit))),
  );
  await ai.work();
  for (const id of dishes) expect((await categories(user, id)).map(({ label }) => label)).toContain('recipe');
  for (const id of logs) await correct(user, id, 'report', true);
  for (const id of dishes) await correct(user, id, 'recipe', false);
  const [log4, dish4] = [
    await user.file('after.txt', LOGS[3]),
    await user.file('cherry.txt', dish('cherry')),
  ];
  await ai.work();
  expect((await categories(user, log4)).map(({ label }) => label)).toContain('report');
  expect((await categories(user, dish4)).map(({ label }) => label)).not.toContain('recipe');
});
