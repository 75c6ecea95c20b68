import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;

beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

const putField = (path: string, user: Awaited<ReturnType<TestAi['newUser']>>, json: unknown) =>
  user.call('PUT', path, { json });

test('a field is made, listed, changed and deleted; what it is looked for as is kept', async () => {
  const user = await ai.newUser();
  const path = `/v1/drives/${user.id}/fields`;
  const made = await putField(`${path}/total`, user, { type: 'amount', description: 'Total to pay' });
  expect(made).toMatchObject({ status: 200, body: { name: 'total', type: 'amount' } });
  await putField(`${path}/kind`, user, { type: 'choice', choices: ['a', 'b', 'a'] });
  const page = await user.call('GET', `${path}?limit=1`);
  expect(page.body).toMatchObject({ items: [{ name: 'kind', choices: ['a', 'b'] }], nextCursor: 'kind' });
  const next = await user.call('GET', `${path}?limit=1&cursor=kind`);
  expect(next.body).toMatchObject({ items: [{ name: 'total' }], nextCursor: null });
  expect((await user.call('DELETE', `${path}/total`)).status).toBe(204);
  for (const method of ['GET', 'DELETE'])
    expect((await user.call(method, `${path}/total`)).body.code).toBe('field_not_found');
});

test('values are found in documents; another type, or no field at all, forgets them', async () => {
  const user = await ai.newUser();
  const path = `/v1/drives/${user.id}/fields/contact`;
  await putField(path, user, { type: 'email', description: 'Address to write to' });
  const id = await user.file(
    'a.txt',
    'If you have questions, please write to the contact jane@example.com at any time.',
  );
  await ai.work();
  const values = () =>
    ai.query(`select v.value from ai.field_values v join ai.fields f on f.name = v.name
      where f.drive_id = '${user.id.slice(4)}'`);
  expect(await values()).toEqual([{ value: 'jane@example.com' }]);
  const shown = async () => (await user.call('GET', `/v1/files/${id}/analysis`)).body;
  expect((await shown()).fields).toMatchObject([{ name: 'contact', value: 'jane@example.com' }]);
  for (const [enabled, count] of [
    [false, 0],
    [true, 1],
  ] as const) {
    for (const step of ['fields', 'reading'])
      await user.call('PUT', `/v1/drives/${user.id}/plugins/${step}`, { json: { enabled } });
    const analysis = await shown();
    expect(analysis.fields ?? []).toHaveLength(count);
    expect(analysis.readingSeconds !== null).toBe(enabled);
  }
  await putField(path, user, { type: 'email', description: 'Who to write to' });
  expect(await values()).toHaveLength(1);
  await putField(path, user, { type: 'text' });
  expect(await values()).toEqual([]);
});

test('who does not manage the drive changes nothing, and who does not see it learns nothing', async () => {
  const [owner, member, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => ai.newUser()));
  if (!owner || !member || !viewer || !stranger) throw new Error();
  const id = await ai.storage.newWorkspace([
    [owner, 'owner'],
    [member, 'member'],
    [viewer, 'viewer'],
  ]);
  const path = `/v1/drives/${id}/fields/total`;
  expect((await putField(path, owner, { type: 'amount' })).status).toBe(200);
  for (const user of [member, viewer]) {
    expect((await user.call('GET', path)).status).toBe(200);
    expect((await putField(path, user, { type: 'text' })).body.code).toBe('role_required');
    expect((await user.call('DELETE', path)).body.code).toBe('role_required');
  }
  for (const [method, drive] of [
    ['GET', id],
    ['PUT', id],
    ['DELETE', id],
    ['PUT', owner.id],
    ['PUT', id.replace('wsp_', 'usr_')],
  ] as const) {
    const json = method === 'PUT' ? { type: 'text' } : undefined;
    const answer = await stranger.call(method, `/v1/drives/${drive}/fields/total`, { json });
    expect([answer.status, answer.body.code]).toEqual([404, 'drive_not_found']);
  }
  expect((await owner.call('GET', path)).body.type).toBe('amount');
});

test('what is no field is refused', async () => {
  const user = await ai.newUser();
  const path = `/v1/drives/${user.id}/fields`;
  for (const name of ['Total', '1st', 'a'.repeat(51), '%27--', 'a%00', '__proto__'])
    expect((await putField(`${path}/${name}`, user, { type: 'text' })).status).toBe(400);
  for (const json of [
    {},
    { type: 'x' },
    { type: 'choice' },
    { type: 'choice', choices: [] },
    { type: 'text', choices: ['a'] },
    { type: 'text', description: 'a'.repeat(1_001) },
    { type: 'text', description: '\0' },
    { type: 'text', other: 1 },
  ])
    expect((await putField(`${path}/ok`, user, json)).body.code).toBe('invalid_request');
});

test('a drive has 100 fields at most, however many are made at once', async () => {
  const user = await ai.newUser();
  const path = `/v1/drives/${user.id}/fields`;
  const uuid = user.id.slice(4);
  await ai.query(`insert into ai.fields (drive_id, name, type, description, created_by)
    select '${uuid}', 'f' || n, 'text', '', '${uuid}' from generate_series(1, 98) n`);
  const answers = await Promise.all(
    [1, 2, 3, 4].map((n) => putField(`${path}/new${n}`, user, { type: 'text' })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409]);
  expect((await putField(`${path}/f1`, user, { type: 'number' })).status).toBe(200);
});

test('a plugin is switched off and on for a drive; what is off does not run', async () => {
  const user = await ai.newUser();
  const installed = await user.call('GET', '/v1/plugins');
  expect(installed.body.items.map((each: { name: string }) => each.name)).toContain('fingerprint');
  const path = `/v1/drives/${user.id}/plugins`;
  const off = await user.call('PUT', `${path}/fingerprint`, { json: { enabled: false } });
  expect(off).toMatchObject({ status: 200, body: { name: 'fingerprint', enabled: false } });
  const listed = await user.call('GET', path);
  expect(listed.body.items.find((each: { name: string }) => each.name === 'fingerprint').enabled).toBe(false);
  const id = await user.file('a.txt', 'The vet said that the kitten needs a vaccination in spring.');
  await ai.work();
  const [row] = await ai.query(`select results from ai.analyses where file_id = '${id.slice(5)}'`);
  expect(Object.keys(row?.results as object)).toContain('reading');
  expect(Object.keys(row?.results as object)).not.toContain('fingerprint');
  const unknown = await user.call('PUT', `${path}/nothing`, { json: { enabled: true } });
  expect([unknown.status, unknown.body.code]).toEqual([404, 'plugin_not_found']);
  const stranger = await ai.newUser();
  const refused = await stranger.call('PUT', `${path}/fingerprint`, { json: { enabled: true } });
  expect(refused.body.code).toBe('drive_not_found');
});
