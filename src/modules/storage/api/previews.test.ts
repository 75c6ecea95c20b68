import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { previewRequestSchema } from '../../../contracts/sidecar.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

const PICTURE = new TextEncoder().encode('RIFF....WEBP a small picture');
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);

/** Speaks the wire of the sidecar; the real one is asked in tests/e2e/files-previews.test.ts. */
async function startSidecar() {
  const sidecar = {
    url: '',
    asked: [] as { url: string; width: number; decryption?: unknown }[],
    answer: 'made' as 'made' | 'unsupported' | 'overloaded' | 'broken',
    delayMs: 0,
    close: () => server.close(),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    sidecar.asked.push(previewRequestSchema.parse(JSON.parse(Buffer.concat(chunks).toString())) as never);
    await new Promise((resolve) => setTimeout(resolve, sidecar.delayMs));
    const refuse = (status: number, code: string, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
        .end(JSON.stringify({ code, detail: `It is ${code}.` }));
    if (!/^Bearer ey/.test(request.headers.authorization ?? '')) refuse(401, 'unauthorized');
    else if (sidecar.answer === 'unsupported') refuse(415, 'preview_unsupported');
    else if (sidecar.answer === 'overloaded') refuse(503, 'overloaded', { 'retry-after': '7' });
    else if (sidecar.answer === 'broken') response.destroy();
    else
      response
        .writeHead(200, { 'content-type': 'image/webp', 'x-preview-width': '1', 'x-preview-height': '1' })
        .end(PICTURE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  sidecar.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  return sidecar;
}

let sidecar: Awaited<ReturnType<typeof startSidecar>>;
let system: TestSystem;
let user: TestUser;
beforeAll(async () => {
  sidecar = await startSidecar();
  system = await startTestSystem({ SIDECAR_URL: sidecar.url });
  user = await system.newUser();
}, 120_000);
beforeEach(() => {
  Object.assign(sidecar, { asked: [], answer: 'made', delayMs: 0 });
});
afterAll(async () => {
  sidecar.close();
  await system.close();
});

const uuid = (id: string) => id.slice(id.indexOf('_') + 1);
const thumbnail = (id: string, query = '') => user.call('GET', `/v1/files/${id}/thumbnail${query}`);
const newPicture = async (name: string) => (await user.upload(name, PNG)).body;
const rowsOf = (fileId: string) =>
  system.query(`select p.variant, p.reason, p.preview_id is not null as made, o.key, o.encryption
    from storage.previews p join storage.versions v on v.object_id = p.object_id
    left join storage.objects o on o.id = p.preview_id where v.file_id = '${uuid(fileId)}'::uuid order by p.variant`);
const storedPreviews = async () => {
  const { objects } = await system.store.list({ prefix: 'previews/', limit: 1_000 });
  return objects.map(({ key }) => key);
};

test('a preview is made when it is asked for first, kept, and then found', async () => {
  const { id, version } = await newPicture('a.png');
  const first = await thumbnail(id);
  expect([first.status, first.bytes]).toEqual([200, PICTURE]);
  expect(Object.fromEntries(first.headers)).toMatchObject({
    'content-type': 'image/webp',
    'cache-control': 'private, no-cache',
    'x-content-type-options': 'nosniff',
  });
  const again = await user.call('GET', `/v1/files/${id}/versions/${version.id}/thumbnail?width=256`);
  expect(again.bytes).toEqual(PICTURE);
  const known = await user.call('GET', `/v1/files/${id}/thumbnail`, {
    headers: { 'if-none-match': first.headers.get('etag') ?? '' },
  });
  expect(known.status).toBe(304);
  expect(sidecar.asked).toHaveLength(1);
  await thumbnail(id, '?width=64');
  expect(sidecar.asked.map(({ width }) => width)).toEqual([256, 64]);
  expect((await thumbnail(id, '?width=100')).body.code).toBe('invalid_request');
});

test('of any number who ask at once everybody gets it, and one object is kept', async () => {
  const { id } = await newPicture('crowd.png');
  sidecar.delayMs = 50;
  const before = (await storedPreviews()).length;
  const answers = await Promise.all(Array.from({ length: 8 }, () => thumbnail(id)));
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  expect(await rowsOf(id)).toHaveLength(1);
  await system.runCron();
  expect((await storedPreviews()).length).toBe(before + 1);
});

test('what has no preview is remembered with its reason, for a week', async () => {
  const { id } = (await user.upload('a.txt', 'text')).body;
  sidecar.answer = 'unsupported';
  for (let round = 0; round < 2; round += 1) {
    const answer = await thumbnail(id);
    expect([answer.status, answer.body.code]).toEqual([404, 'no_preview']);
    expect(answer.body.detail).toBe('It is preview_unsupported.');
  }
  expect(sidecar.asked).toHaveLength(1);
  await system.query(
    `update storage.previews set created_at = now() - interval '8 days' where preview_id is null`,
  );
  sidecar.answer = 'made';
  expect((await thumbnail(id)).status).toBe(200);
});

test.each([
  ['overloaded', '7'],
  ['broken', '5'],
] as const)(
  'a sidecar that is %s keeps nobody from the file, and is asked again',
  async (answer, seconds) => {
    const { id } = await newPicture(`${answer}.png`);
    sidecar.answer = answer;
    const refused = await thumbnail(id);
    expect([refused.status, refused.body.code]).toEqual([503, 'dependency_unavailable']);
    expect(refused.headers.get('retry-after')).toBe(seconds);
    expect((await user.call('GET', `/v1/files/${id}/content`)).bytes).toEqual(PNG);
    expect(await rowsOf(id)).toEqual([]);
    sidecar.answer = 'made';
    expect((await thumbnail(id)).status).toBe(200);
  },
);

test('previews are encrypted as everything is, and the sidecar gets the key of the object', async () => {
  const sealed = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
  const { token } = user;
  const { body } = await sealed.call('POST', '/v1/files?name=sealed.png', { token, body: PNG });
  const answer = await sealed.call('GET', `/v1/files/${body.id}/thumbnail`, { token });
  expect(answer.bytes).toEqual(PICTURE);
  expect(sidecar.asked[0]?.decryption).toMatchObject({ id: expect.stringMatching(/^obj_/) });
  const [row] = await rowsOf(body.id);
  expect(row).toMatchObject({ made: true, encryption: 'envelope' });
  const stored = await system.store.get(String(row?.key));
  expect(Buffer.from((await stored?.arrayBuffer()) ?? new ArrayBuffer(0)).includes('a small picture')).toBe(
    false,
  );
});

test('a preview whose bytes are gone is made anew', async () => {
  const { id } = await newPicture('lost.png');
  await thumbnail(id);
  const [row] = await rowsOf(id);
  await system.store.delete(String(row?.key));
  const refused = await thumbnail(id);
  expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
    503,
    'dependency_unavailable',
    '1',
  ]);
  expect((await thumbnail(id)).bytes).toEqual(PICTURE);
});

test('what is locked away has no preview either, and strangers see none', async () => {
  const { id } = await newPicture('ill.png');
  await thumbnail(id);
  const stranger = await system.newUser();
  expect((await stranger.call('GET', `/v1/files/${id}/thumbnail`)).body.code).toBe('file_not_found');
  await system.query(`update storage.objects o set state = 'infected' from storage.versions v
    where v.object_id = o.id and v.file_id = '${uuid(id)}'::uuid`);
  expect((await thumbnail(id)).body.code).toBe('content_infected');
});

test('a preview goes with the last version of its content', async () => {
  const { id } = await newPicture('purged.png');
  await thumbnail(id);
  const [row] = await rowsOf(id);
  await system.query(`delete from storage.versions where file_id = '${uuid(id)}'::uuid and false`);
  await system.db.batch([
    system.db.execute(
      `update storage.files set current_version_id = null, kind = 'folder' where id = '${uuid(id)}'`,
    ),
    system.db.execute(`delete from storage.versions where file_id = '${uuid(id)}'`),
  ]);
  expect(await system.query(`select 1 from storage.objects where key = '${row?.key}'`)).toEqual([]);
  await system.runCron();
  expect(await storedPreviews()).not.toContain(row?.key);
});
