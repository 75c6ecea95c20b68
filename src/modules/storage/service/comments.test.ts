import { afterAll, beforeAll, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const say = (who: TestUser, fileId: string, text: unknown, headers = {}): Promise<Answer> =>
  who.call('POST', `/v1/files/${fileId}/comments`, { json: { text }, headers });
const without = ({ body }: Answer) => ({ ...body, requestId: undefined });

async function shared(role: string) {
  const [ann, bob] = [await system.newUser(), await system.newUser()];
  const file = await ann.file('a.txt');
  await ann.call('POST', `/v1/files/${file}/grants`, {
    json: { principal: { kind: 'user', id: bob.id }, role },
  });
  return { ann, bob, file };
}

test('a comment is seen by all who see the file, newest first', async () => {
  const { ann, bob, file } = await shared('commenter');
  const hostile = "<script>alert(1)</script> ' or 1=1 -- \u202e 🎉\nsecond line";
  const made = await say(bob, file, hostile);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect(made.body).toMatchObject({ fileId: file, author: { id: bob.id, name: 'Somebody' }, text: hostile });
  const second = await say(ann, file, 'second');
  const first = (await ann.call('GET', `/v1/files/${file}/comments?limit=1`)).body;
  const rest = (await bob.call('GET', `/v1/files/${file}/comments?limit=1&cursor=${first.nextCursor}`)).body;
  expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual([second.body.id, made.body.id]);
  expect(rest.nextCursor).toBeNull();
});

test('viewers read and do not write; strangers find nothing', async () => {
  const { ann, bob, file } = await shared('viewer');
  const { body } = await say(ann, file, 'hello');
  expect((await bob.call('GET', `/v1/files/${file}/comments`)).body.items).toHaveLength(1);
  expect((await say(bob, file, 'no')).body).toMatchObject({
    code: 'role_required',
    detail: 'This needs the role commenter; yours is viewer.',
  });
  expect((await bob.call('DELETE', `/v1/files/${file}/comments/${body.id}`)).body.code).toBe('role_required');
  const eve = await system.newUser();
  const calls = (id: string, comment: string) =>
    Promise.all([
      eve.call('GET', `/v1/files/${id}/comments`),
      say(eve, id, 'x'),
      eve.call('DELETE', `/v1/files/${id}/comments/${comment}`),
    ]);
  expect((await calls(file, body.id)).map(without)).toEqual(
    (await calls(newId('file'), newId('cmt'))).map(without),
  );
  expect((await ann.call('GET', `/v1/files/${file}/comments`)).body.items).toHaveLength(1);
});

test('authors delete their own, managers any, and everybody is told', async () => {
  const { ann, bob, file } = await shared('editor');
  const of = async (who: TestUser) => (await say(who, file, 'x')).body.id;
  const [bobs, alsoBobs, anns] = [await of(bob), await of(bob), await of(ann)];
  const remove = (who: TestUser, id: string) => who.call('DELETE', `/v1/files/${file}/comments/${id}`);
  expect((await remove(bob, anns)).body.detail).toBe('This needs the role manager; yours is editor.');
  expect((await remove(bob, bobs)).status).toBe(204);
  expect((await remove(ann, alsoBobs)).status).toBe(204);
  expect((await remove(ann, alsoBobs)).body.code).toBe('comment_not_found');
  const other = await ann.file('other.txt');
  expect((await ann.call('DELETE', `/v1/files/${other}/comments/${anns}`)).body.code).toBe(
    'comment_not_found',
  );
  const told =
    await system.query(`select o.type from storage.changes c join storage.outbox o on o.id = c.event_id
    where c.principal_id = '${idToUuid(bob.id)}' and o.type like 'comment.%' order by o.id`);
  expect(told.map(({ type }) => type)).toEqual([
    ...Array(3).fill('comment.created'),
    ...Array(2).fill('comment.deleted'),
  ]);
});

test.each([[''], [' \n '], ['x'.repeat(10_001)], ['a\0b'], ['\ud800'], [7]])(
  'text number %# is refused',
  async (text) => {
    const ann = await system.newUser();
    const file = await ann.file('a.txt');
    expect((await say(ann, file, text)).body.code).toBe('invalid_request');
    expect((await say(ann, file, 'x'.repeat(10_000))).status).toBe(201);
    const more = await ann.call('POST', `/v1/files/${file}/comments`, {
      json: { text: 'x', authorId: newId('usr') },
    });
    expect(more.body.code).toBe('invalid_request');
  },
);

test('repeated under one key it is one comment', async () => {
  const { ann, file } = await shared('viewer');
  const key = { 'idempotency-key': 'a-comment' };
  const ids = [await say(ann, file, 'once', key), await say(ann, file, 'once', key)].map(
    ({ body }) => body.id,
  );
  expect(ids[0]).toBe(ids[1]);
  expect((await ann.call('GET', `/v1/files/${file}/comments`)).body.items).toHaveLength(1);
});
