import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DigestResponse, ScanResponse } from '../../../contracts/sidecar.ts';
import { createVault } from '../../../core/objects/create-vault.ts';
import { createKeyring, keyringSchema } from '../../../core/security/keyring.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../../../local/s3/test-fault-proxy.ts';
import { createUploadPartsRepository } from '../repository/upload-parts.ts';
import { createUploadUpkeepRepository } from '../repository/upload-upkeep.ts';
import { createUploadRepository } from '../repository/uploads.ts';
import { startIntegrity } from '../testing/test-integrity.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';
import { createUploadUpkeep } from './upload-upkeep.ts';

const MIB = 1024 * 1024;
const CHUNK = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' };

let system: TestSystem;
let database: FaultProxy;
let store: FaultProxy;
let sidecar: Server;
let answers: { digest: DigestResponse['sha256']; scan: ScanResponse } | 'gone' | undefined;

beforeAll(async () => {
  sidecar = createServer((request, response) => {
    request.resume();
    if (answers === undefined) return void response.writeHead(500).end();
    if (answers === 'gone')
      return void response
        .writeHead(404)
        .end(JSON.stringify({ code: 'source_gone', detail: 'It is not there.' }));
    const { digest, scan } = answers;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/v1/scan' ? scan : { sha256: digest, size: 1 }));
  });
  await new Promise<void>((resolve) => sidecar.listen(0, '127.0.0.1', resolve));
  const address = sidecar.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  system = await startTestSystem({ SIDECAR_URL: `http://127.0.0.1:${port}` });
  database = await startFaultProxy(portOf('DATABASE_FETCH_ENDPOINT'));
  store = await startFaultProxy(portOf('S3_ENDPOINT'));
}, 120_000);
afterAll(async () => {
  await Promise.all([database.close(), store.close()]);
  sidecar.close();
  await system.close();
});

const portOf = (name: string) => Number(new URL(String(system.env[name])).port);
const uuidOf = (id: string) =>
  id.slice(id.indexOf('_') + 1).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** An instance that meets `fault` at its `nth` call; whether it did. */
function faulty(proxy: FaultProxy, nth: number, fault: Fault): { instance: TestSystem; met: () => boolean } {
  let calls = 0;
  proxy.fault = () => {
    calls += 1;
    return calls === nth ? fault : undefined;
  };
  const env =
    proxy === store ? { S3_ENDPOINT: proxy.endpoint } : { DATABASE_FETCH_ENDPOINT: `${proxy.endpoint}/sql` };
  return { instance: system.withEnv(env), met: () => calls >= nth };
}

async function nothingLeftOf(user: TestUser, bytes: Uint8Array): Promise<void> {
  const { items } = (await user.call('GET', '/v1/files')).body;
  expect(items).toHaveLength(1);
  const content = await user.call('GET', `/v1/files/${items[0].id}/content`);
  expect(Buffer.from(content.bytes).equals(bytes)).toBe(true);
  const [drive] = await system.query(
    `select used_bytes, reserved_bytes, entry_count from storage.drives where id = '${uuidOf(user.id)}'`,
  );
  expect(drive).toEqual({ used_bytes: String(bytes.byteLength), reserved_bytes: '0', entry_count: '1' });
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['an answer is lost', { kind: 'lost' }],
  ['a call is refused', { kind: 'status', status: 503, code: 'SlowDown' }],
];

for (const where of ['database', 'store'] as const)
  for (const [what, fault] of FAULTS)
    test(`TUS goes on after ${what} by the ${where}, at whichever call`, async () => {
      const bytes = randomBytes(5 * MIB + 100_000);
      for (let nth = 1, more = true; more; nth += 1) {
        const user = await system.newUser();
        const made = await user.call('POST', '/v1/tus', {
          headers: { 'tus-resumable': '1.0.0', 'upload-length': String(bytes.byteLength) },
        });
        const url = made.headers.get('location') ?? '';
        const patch = (on: TestSystem, offset: number, end: number) =>
          on.call('PATCH', url, {
            token: user.token,
            headers: { ...CHUNK, 'upload-offset': String(offset) },
            body: bytes.subarray(offset, end),
          });
        await patch(system, 0, 1_000_000);
        const { instance, met } = faulty(where === 'store' ? store : database, nth, fault);
        await patch(instance, 1_000_000, bytes.byteLength);
        more = met();
        await instance.settled();
        // The writer has gone quiet.
        await system.query(`update storage.uploads set lease_until = now() - interval '1 second'
          where lease_until is not null`);
        const head = await user.call('HEAD', url, { headers: { 'tus-resumable': '1.0.0' } });
        const offset = Number(head.headers.get('upload-offset'));
        expect([nth, head.status, offset >= 1_000_000]).toEqual([nth, 200, true]);
        if (offset < bytes.byteLength)
          expect([nth, (await patch(system, offset, bytes.byteLength)).status]).toEqual([nth, 204]);
        await nothingLeftOf(user, bytes);
      }
    }, 240_000);

for (const where of ['database', 'store'] as const)
  for (const [what, fault] of FAULTS)
    test(`an upload straight to the store is completed once and never short of bytes, though ${what} by the ${where}`, async () => {
      const bytes = new Uint8Array(randomBytes(100));
      for (let nth = 1, more = true; more; nth += 1) {
        const user = await system.newUser();
        const { id } = (await user.call('POST', '/v1/uploads', { json: { name: 'a', size: 100 } })).body;
        const urls = (await user.call('POST', `/v1/uploads/${id}/parts`, { json: { numbers: [1] } })).body;
        await fetch(urls.items[0].url, { method: 'PUT', body: bytes });
        const { instance, met } = faulty(where === 'store' ? store : database, nth, fault);
        const path = `/v1/uploads/${id}/complete`;
        await instance.call('POST', path, { token: user.token, json: {} });
        more = met();
        await instance.settled();
        const { state, received } = (await user.call('GET', `/v1/uploads/${id}`)).body;
        expect([nth, received.bytes]).toEqual([nth, 100]);
        if (state === 'active') expect([nth, received.parts]).toEqual([nth, [[1, 1]]]);
        const again = await user.call('POST', path, { json: {} });
        expect([nth, again.status]).toEqual([nth, 201]);
        await nothingLeftOf(user, bytes);
      }
    }, 240_000);

test('the upkeep ends what nobody knows and is old, and nothing else', async () => {
  const user = await system.newUser();
  const { id } = (await user.call('POST', '/v1/uploads', { json: { name: 'a', size: 100 } })).body;
  const options = { contentType: 'text/plain', metadata: {} };
  const stray = await system.store.multipart.create('objects/stray/one', options);
  const elsewhere = await system.store.multipart.create('elsewhere/one', options);
  await system.store.put(`tails/upl_${'0'.repeat(32)}/obj_1`, new Uint8Array(3), { ...options, size: 3 });
  const quota = { bytes: 2 ** 40, entries: 1_000 };
  const vault = createVault({
    store: system.store,
    encryption: 'none',
    keyring: createKeyring(keyringSchema.parse(system.env.STORAGE_ENCRYPTION_KEYS)),
  });
  const abort = createUploadRepository(system.db, quota).abort;
  const upkeep = (days: number) =>
    createUploadUpkeep({
      repository: createUploadUpkeepRepository(system.db),
      parts: createUploadPartsRepository(system.db, quota),
      uploads: { abort } as never,
      vault,
      store: system.store,
      isOurs: async () => true,
      now: () => Date.now() + days * 24 * 3_600_000,
    })();
  const left = async () =>
    (await system.store.multipart.list({ prefix: '', limit: 100 })).uploads.map(({ key }) => key).toSorted();
  const tail = () =>
    system.query(
      "select object_key from storage.object_deletions where object_key like 'tails/upl_00000000%'",
    );
  await upkeep(0.5);
  expect([(await left()).length, await tail()]).toEqual([3, []]);
  await upkeep(2);
  expect(await left()).toEqual(['elsewhere/one', expect.stringContaining('objects/file_')]);
  expect(await tail()).toHaveLength(1);
  expect((await user.call('GET', `/v1/uploads/${id}`)).body.state).toBe('active');
  expect([stray, elsewhere].every(Boolean)).toBe(true);
});

const stateOf = async (user: TestUser, id: string) => {
  const { sha256, content } = (await user.call('GET', `/v1/files/${id}`)).body;
  return { sha256, content };
};

test('what nobody has read is read later: digest, then malware; what is bad is locked away, and told', async () => {
  const user = await system.newUser();
  const digest = createHash('sha256').update('whatever').digest('hex');
  const unread = async (name: string, announced: string | null) => {
    const id = await user.file(name);
    await system.query(`update storage.objects o set sha256 = null, check_at = now(), announced_sha256 = ${announced ? `'${announced}'` : 'null'}
      from storage.versions v where v.object_id = o.id and v.file_id = '${uuidOf(id)}'`);
    return id;
  };
  const due = () => system.query('update storage.objects set check_at = now() where check_at is not null');
  const [plain, wrong] = [await unread('plain', null), await unread('wrong', '0'.repeat(64))];
  answers = undefined;
  await system.runCron();
  expect(await stateOf(user, plain)).toEqual({ sha256: null, content: 'live' });
  answers = { digest, scan: { status: 'infected', signature: 'Eicar' } };
  await due();
  await system.runCron();
  expect(await stateOf(user, plain)).toEqual({ sha256: digest, content: 'live' });
  expect(await stateOf(user, wrong)).toMatchObject({ content: 'corrupt' });
  expect((await user.call('GET', `/v1/files/${wrong}/content`)).body.code).toBe('content_corrupt');
  const events = await system.query('select type, payload from storage.outbox order by id desc limit 2');
  expect(events.map(({ type }) => type).toSorted()).toEqual(['content.refused', 'content.verified']);

  const scanning = system.withEnv({ MALWARE_SCAN: 'on' });
  const made = await scanning.call('POST', '/v1/files?name=virus', { token: user.token, body: 'virus' });
  await scanning.runCron();
  expect((await user.call('GET', `/v1/files/${made.body.id}/content`)).body.code).toBe('content_infected');
  const [audited] = await system.query(
    "select reason from core.audit_events where action = 'content.infected'",
  );
  expect(audited).toEqual({ reason: 'Eicar' });
  answers = { digest, scan: { status: 'clean' } };
  const clean = await scanning.call('POST', '/v1/files?name=clean', { token: user.token, body: 'clean' });
  await scanning.runCron();
  expect(await stateOf(user, clean.body.id)).toMatchObject({ content: 'live' });
  const rows = await system.query(
    "select count(*)::int as n from storage.objects where check_at is not null and state = 'live'",
  );
  expect(rows).toEqual([{ n: 0 }]);
});

test('with MALWARE_SCAN=hold nothing is handed out before the scanner has looked at it, by whichever door', async () => {
  const user = await system.newUser();
  const earlier = await user.file('stored before there was a scanner');
  // What has just been written is looked at soon.
  answers = undefined;
  const holding = system.withEnv({ MALWARE_SCAN: 'hold' });
  const { token } = user;
  const folder = await user.folder('folder');
  const upload = async (name: string) =>
    (
      await holding.call('POST', `/v1/files?name=${encodeURIComponent(name)}&parentId=${folder}`, {
        token,
        body: name,
      })
    ).body;
  const file = await upload('new.txt');
  const link = await user.call('POST', `/v1/files/${file.id}/links`, { json: { mode: 'download' } });
  const doors = [
    `/v1/files/${file.id}/content`,
    `/v1/files/${file.id}/content?redirect=true`,
    `/v1/files/${file.id}/versions/${file.version.id}/content`,
    `/v1/files/${folder}/zip`,
    `/v1/shared-links/${link.body.token}/files/${file.id}/content`,
  ];
  const open = (path: string) => holding.call('GET', path, { token });
  const held = async () => {
    for (const path of doors) {
      const { status, body, headers } = await open(path);
      expect([status, body?.code, headers.get('retry-after')], path).toEqual([409, 'content_unscanned', '5']);
    }
  };
  const run = async (scan: ScanResponse | undefined) => {
    answers = scan && { digest: '', scan };
    await system.query('update storage.objects set check_at = now() where check_at is not null');
    await holding.runCron();
  };
  await held();
  await run(undefined);
  await held();
  await run({ status: 'unscanned', reason: 'no_scanner' });
  await held();
  expect((await open(`/v1/files/${earlier}/content`)).status).toBe(200);

  // More than are taken at once.
  const more = await Promise.all(Array.from({ length: 11 }, (_, at) => upload(`more-${at}`)));
  await run({ status: 'clean' });
  const wait = { timeout: 10_000 };
  // Some may be with the run that follows their upload.
  const statuses = (paths: readonly string[]) =>
    Promise.all(paths.map(async (path) => (await open(path)).status));
  const contents = more.map(({ id }) => `/v1/files/${id}/content`);
  await expect.poll(() => statuses(contents), wait).toEqual(contents.map(() => 200));
  await expect.poll(() => statuses(doors), wait).toEqual([200, 302, 200, 200, 200]);

  answers = undefined;
  const large = await upload('larger than the scanner takes');
  await run({ status: 'unscanned', reason: 'too_large' });
  await expect.poll(() => statuses([`/v1/files/${large.id}/content`]), wait).toEqual([200]);

  // Gone and found again by fsck is not scanned.
  answers = undefined;
  const lost = await upload('lost for a while');
  const [row] = await system.query(
    `select o.key from storage.objects o join storage.versions v on v.object_id = o.id
       where v.file_id = '${uuidOf(lost.id)}'`,
  );
  const key = String(row?.key);
  const bytes = new TextEncoder().encode('lost for a while');
  const metadata = (await system.store.head(key))?.metadata ?? {};
  await system.store.delete(key);
  const { fsck } = startIntegrity(system);
  const repair = { deep: false, repair: true, after: '', limit: 1_000, timeMs: 60_000 };
  const opened = async () => (await open(`/v1/files/${lost.id}/content`)).body?.code;
  await fsck.step(repair);
  expect(await opened()).toBe('content_missing');
  await system.store.put(key, bytes, { size: bytes.byteLength, contentType: 'text/plain', metadata });
  expect(await fsck.step(repair)).toMatchObject({ repaired: 1 });
  expect(await opened()).toBe('content_unscanned');
  await run({ status: 'clean' });
  await expect.poll(() => statuses([`/v1/files/${lost.id}/content`]), wait).toEqual([200]);
});

test('what a reader finds damaged is read again, though it was read before: it is locked away, or served', async () => {
  const user = await system.newUser();
  const digest = createHash('sha256').update('content').digest('hex');
  const check = async () => {
    await system.query('update storage.objects set check_at = now() where check_at is not null');
    await system.runCron();
  };
  const contentType = 'text/plain';
  const [good, bad, gone] = [
    await user.file('good', 'content'),
    await user.file('bad'),
    await user.file('gone'),
  ];
  for (const id of [good, bad, gone]) {
    const [row] = await system.query(`select o.key from storage.objects o
      join storage.versions v on v.object_id = o.id where v.file_id = '${uuidOf(id)}'`);
    const key = String(row?.key);
    await system.store.delete(key);
    expect((await user.call('GET', `/v1/files/${id}/content`)).body.code).toBe('content_missing');
    if (id === good)
      await system.store.put(key, new TextEncoder().encode('content'), {
        size: 7,
        contentType,
        metadata: {},
      });
    answers =
      id === gone ? 'gone' : { digest: id === bad ? '0'.repeat(64) : digest, scan: { status: 'clean' } };
    await check();
  }
  expect(await stateOf(user, good)).toEqual({ sha256: digest, content: 'live' });
  expect(await stateOf(user, bad)).toMatchObject({ content: 'corrupt' });
  expect(await stateOf(user, gone)).toMatchObject({ content: 'missing' });
});

test('an object that could not be read a thousand times keeps no other from being read', async () => {
  const user = await system.newUser();
  const digest = createHash('sha256').update('whatever').digest('hex');
  const never = await user.file('never');
  const later = await user.file('later', 'whatever');
  for (const [id, attempts] of [
    [never, 5_000],
    [later, 0],
  ] as const)
    await system.query(`update storage.objects o set sha256 = null, check_at = now() - interval '1 day',
      check_attempts = ${attempts} from storage.versions v where v.object_id = o.id and v.file_id = '${uuidOf(id)}'`);
  answers = { digest, scan: { status: 'clean' } };
  await system.runCron();
  expect(await stateOf(user, later)).toEqual({ sha256: digest, content: 'live' });
});

test('keys of the bucket that are needed after all keep no others from going', async () => {
  const bytes = new Uint8Array(1);
  await system.store.put('objects/unused', bytes, { size: 1, contentType: 'text/plain', metadata: {} });
  await system.query(`insert into storage.objects (id, key, size, etag, encryption)
    select storage.new_id(), 'objects/needed/' || n, 1, 'x', 'none' from generate_series(1, 300) n`);
  await system.query(`insert into storage.object_deletions (object_key, next_attempt_at)
    select o.key, now() - interval '1 day' from storage.objects o where o.key like 'objects/needed/%'
    union all select 'objects/unused', now()`);
  await system.runCron();
  expect(await system.store.head('objects/unused')).toBeUndefined();
  await system.query(`delete from storage.objects where key like 'objects/needed/%'`);
});
