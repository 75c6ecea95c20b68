import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let user: TestUser;

beforeAll(async () => {
  system = await startTestSystem();
  user = await system.newUser();
}, 120_000);
afterAll(() => system.close());

const outcome = ({ headers }: Answer) => headers.get('server-timing');
const HIT = 'cache;desc=hit';

describe('an answer about one’s own drive', () => {
  test('is remembered, and the same', async () => {
    const id = await user.file('remembered.txt');
    const ask = () => user.call('GET', `/v1/files/${id}`);
    const first = await ask();
    const second = await ask();
    expect(outcome(second)).toBe(HIT);
    expect(second.body).toEqual(first.body);
    const list = () => user.call('GET', '/v1/files?limit=5');
    await list();
    expect(outcome(await list())).toBe(HIT);
  });

  test.each([
    ['a new name', (id: string) => user.call('PATCH', `/v1/files/${id}`, { json: { name: 'other.txt' } })],
    ['a tag', (id: string) => user.call('PATCH', `/v1/files/${id}`, { json: { tags: ['a'] } })],
    ['a favourite', (id: string) => user.call('PUT', `/v1/files/${id}/favourite`)],
    ['a new version', (id: string) => user.call('PUT', `/v1/files/${id}/content`, { body: 'new' })],
    ['the trash', (id: string) => user.call('DELETE', `/v1/files/${id}`)],
    [
      'the end of its analysis',
      async (id: string) => {
        const uuid = `(select id from storage.files where replace(id::text, '-', '') = '${id.slice(5)}')`;
        await system.query(`insert into ai.analyses (version_id, file_id, status)
          select f.current_version_id, f.id, 'ready' from storage.files f where f.id = ${uuid}`);
        return { status: 200 };
      },
    ],
    [
      'damage to its bytes',
      async (id: string) => {
        await system.query(`update storage.objects set state = 'corrupt' where id in (
          select v.object_id from storage.versions v where replace(v.file_id::text, '-', '') = '${id.slice(5)}')`);
        return { status: 200 };
      },
    ],
  ])('is never that of before %s', async (_what, change) => {
    const folder = await user.folder(crypto.randomUUID());
    const id = await user.file('a.txt', 'a', folder);
    const ask = () =>
      Promise.all([user.call('GET', `/v1/files/${id}`), user.call('GET', `/v1/files?parentId=${folder}`)]);
    await ask();
    const [fileBefore, listBefore] = await ask();
    expect([outcome(fileBefore), outcome(listBefore)]).toEqual([HIT, HIT]);
    expect((await change(id)).status).toBeLessThan(300);
    const [file, list] = await ask();
    expect(file.body).not.toEqual(fileBefore.body);
    expect(list.body).not.toEqual(listBefore.body);
  });

  test('is 304 for whoever has it, until something changes', async () => {
    const id = await user.file('etag.txt');
    const first = await user.call('GET', `/v1/files/${id}`);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"/);
    const ask = () => user.call('GET', `/v1/files/${id}`, { headers: { 'if-none-match': etag } });
    expect(await ask()).toMatchObject({ status: 304, body: undefined });
    await user.call('PATCH', `/v1/files/${id}`, { json: { name: 'etag2.txt' } });
    expect((await ask()).status).toBe(200);
  });

  test('is nobody else’s, and not to be had with its ETag either', async () => {
    const id = await user.file('private.txt');
    const etag = (await user.call('GET', `/v1/files/${id}`)).headers.get('etag') ?? '';
    const stranger = await system.newUser();
    const answer = await stranger.call('GET', `/v1/files/${id}`, { headers: { 'if-none-match': etag } });
    expect(answer.status).toBe(404);
  });

  test('is built anew while Redis is away, and right', async () => {
    const without = system.withEnv({ UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1' });
    const id = await user.file('no-redis.txt');
    const ask = () => without.call('GET', `/v1/files/${id}`, { token: user.token });
    expect((await ask()).body.name).toBe('no-redis.txt');
    const again = await ask();
    expect([again.status, outcome(again)]).toEqual([200, 'cache;desc=miss']);
  });
});

test('what others share is never remembered: a lost right is lost at once', async () => {
  const [owner, member] = [await system.newUser(), await system.newUser()];
  const driveId = await system.newWorkspace([
    [owner, 'owner'],
    [member, 'member'],
  ]);
  const made = await owner.upload('shared.txt', 'x', { driveId });
  const ask = () => member.call('GET', `/v1/files/${made.body.id}`);
  await ask();
  expect(outcome(await ask())).toBe('cache;desc=none');
  await system.removeMember(driveId, member);
  expect((await ask()).status).toBe(404);
});
