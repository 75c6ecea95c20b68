import { afterAll, beforeAll, expect, test } from 'vitest';
import { startIntegrity } from '../testing/test-integrity.ts';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ OBJECT_ENCRYPTION: 'envelope', ANSWER_CACHE: 'off' });
}, 120_000);
afterAll(() => system.close());

const K1 = `k1:${'A'.repeat(43)}`;
const K2 = `k2:${'B'.repeat(42)}A`;
const keys = async (prefix: string) =>
  (await system.store.list({ prefix, limit: 1_000 })).objects.map(({ key }) => key);
const soon = () => system.query(`update storage.object_deletions set next_attempt_at = now()`);

test('the key-encryption key is changed under load, without a refused request, and the old one is needed no more', async () => {
  const user = await system.newUser();
  const ids = await Promise.all(
    Array.from({ length: 12 }, (_, index) => user.file(`${index}.txt`, `bytes ${index}`)),
  );
  const stored = await keys('objects/');
  await system.settled();
  const steps = [`${K1},${K2}`, `${K2},${K1}`].map((value) =>
    system.withEnv({ STORAGE_ENCRYPTION_KEYS: value }),
  );
  const statuses: number[] = [];
  let isOver = false;
  const load = async (worker: number) => {
    for (let round = 0; !isOver; round += 1) {
      const at = steps[round % steps.length] ?? system;
      const id = ids[(worker + round) % ids.length];
      const got = await at.call('GET', `/v1/files/${id}/content`, { token: user.token });
      const name = `load-${worker}-${round}`;
      const body = new TextEncoder().encode(name);
      const put = await at.call('POST', `/v1/files?name=${name}`, { token: user.token, body });
      statuses.push(got.status, put.status);
    }
  };
  const working = Promise.all([load(0), load(1)]);
  // While the deployment spreads both instances do their upkeep.
  for (const at of [...steps, ...steps]) await at.runCron();
  isOver = true;
  await working;
  for (const at of steps) await at.settled();
  expect(new Set(statuses)).toEqual(new Set([200, 201]));

  const after = system.withEnv({ STORAGE_ENCRYPTION_KEYS: `${K2},${K1}` });
  for (let run = 0; run < 3; run += 1) {
    await after.runCron();
    await soon();
  }
  await after.runCron();
  expect(await system.query(`select key from storage.objects where wrapped_key not like 'v1.k2.%'`)).toEqual(
    [],
  );
  expect(await keys('keys/k1/')).toEqual([]);
  const rows = await system.query('select key from storage.objects order by key collate "C"');
  expect(await keys('keys/k2/')).toEqual(rows.map(({ key }) => `keys/k2/${key}`));
  expect(await keys('objects/')).toEqual(expect.arrayContaining(stored));

  const alone = system.withEnv({ STORAGE_ENCRYPTION_KEYS: K2 });
  for (const [index, id] of ids.entries()) {
    const { bytes } = await alone.call('GET', `/v1/files/${id}/content`, { token: user.token });
    expect(new TextDecoder().decode(bytes)).toBe(`bytes ${index}`);
  }
  // The journal too: everything comes back with the new key alone.
  await alone.query(
    `truncate storage.drives, storage.scopes, storage.files, storage.objects, storage.uploads, storage.upkeep cascade`,
  );
  const problems: unknown[] = [];
  await startIntegrity(alone).rebuild((problem) => problems.push(problem));
  expect(problems).toEqual([]);
  const { bytes } = await alone.call('GET', `/v1/files/${ids[0]}/content`, { token: user.token });
  expect(new TextDecoder().decode(bytes)).toBe('bytes 0');
}, 120_000);

test('a purge takes the data key out of the bucket along with the bytes', async () => {
  const at = system.withEnv({ STORAGE_ENCRYPTION_KEYS: K2 });
  const user = await at.newUser();
  const id = await user.file('geheim.txt', 'geheim');
  const ofFile = async () => [...(await keys(`keys/k2/objects/${id}/`)), ...(await keys(`objects/${id}/`))];
  expect(await ofFile()).toHaveLength(2);
  await user.call('DELETE', `/v1/files/${id}`);
  await user.call('DELETE', `/v1/trash/${id}`);
  await at.settled();
  await at.runCron();
  expect(await ofFile()).toEqual([]);
});
