import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;

beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

const KITTEN =
  'The vet said that the kitten needs a vaccination in spring. It should be fed twice a day and sleep in a warm place near its mother until it is twelve weeks old.';
const CAT =
  'A cat has to be taken to the veterinarian for vaccinations; young cats eat small meals several times a day.';
const TAX =
  'The quarterly tax return is due on the last day of October and has to be signed by the managing director.';

test('identical, nearly identical and similar files are told apart, the likest first, without the file itself', async () => {
  const user = await ai.newUser();
  const id = await user.file('a.txt', KITTEN);
  const same = await user.file('b.txt', KITTEN);
  const near = await user.file('c.txt', KITTEN.replace('twelve', 'eleven'));
  const like = await user.file('d.txt', CAT);
  const other = await user.file('e.txt', TAX);
  await ai.work();
  const { status, body } = await user.call('GET', `/v1/files/${id}/similar`);
  expect(status).toBe(200);
  expect(body.comparedBy).toMatchObject({ content: true, vector: 'all-MiniLM-L6-v2' });
  expect(body.items.map((item: { kind: string; file: { id: string } }) => [item.kind, item.file.id])).toEqual(
    [
      ['identical', same],
      ['near-duplicate', near],
      ['similar', like],
    ],
  );
  expect(body.items[0]).toMatchObject({ score: 1 });
  const all = await user.call('GET', `/v1/files/${id}/similar?minScore=0&limit=50`);
  expect(all.body.items.map((item: { file: { id: string } }) => item.file.id)).toContain(other);
});

test('a file without vectors is still found by its bytes, and the answer says what it was compared by', async () => {
  const user = await ai.newUser();
  const [id, same] = [await user.file('a.bin', '\u0001\u0002'), await user.file('b.bin', '\u0001\u0002')];
  await user.file('c.txt', KITTEN);
  await ai.work();
  const { body } = await user.call('GET', `/v1/files/${id}/similar?minScore=0`);
  expect(body).toMatchObject({
    comparedBy: { content: true, fingerprint: false, vector: null },
    items: [{ kind: 'identical', file: { id: same } }],
  });
  expect(body.items).toHaveLength(1);
});

test('nobody learns of files that they do not see, and what was shared or taken back counts at once', async () => {
  const [owner, other] = [await ai.newUser(), await ai.newUser()];
  const secret = await owner.file('secret.txt', KITTEN);
  const own = await other.file('own.txt', KITTEN);
  await ai.work();
  const alone = await other.call('GET', `/v1/files/${own}/similar?minScore=0`);
  expect(alone.body.items).toEqual([]);
  const hidden = await other.call('GET', `/v1/files/${secret}/similar`);
  expect([hidden.status, hidden.body.code]).toEqual([404, 'file_not_found']);
  const grant = await owner.call('POST', `/v1/files/${secret}/grants`, {
    json: { principal: { kind: 'user', id: other.id }, role: 'viewer' },
  });
  expect(grant.status, JSON.stringify(grant.body)).toBe(201);
  const shared = await other.call('GET', `/v1/files/${own}/similar`);
  expect(shared.body.items).toMatchObject([{ kind: 'identical', file: { id: secret } }]);
  await owner.call('DELETE', `/v1/files/${secret}`);
  const deleted = await other.call('GET', `/v1/files/${own}/similar`);
  expect(deleted.body.items).toEqual([]);
});

test('a folder has nothing to compare, and bounds are kept', async () => {
  const user = await ai.newUser();
  const folder = await user.folder('f');
  expect((await user.call('GET', `/v1/files/${folder}/similar`)).body.code).toBe('not_a_file');
  for (const query of ['limit=0', 'limit=51', 'minScore=2', 'minScore=NaN', "minScore=';drop"])
    expect((await user.call('GET', `/v1/files/${folder}/similar?${query}`)).status).toBe(400);
});
