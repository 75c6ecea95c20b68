import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../../local/s3/test-fault-proxy.ts';
import { startIntegrity } from '../../testing/test-integrity.ts';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../../testing/test-system.ts';

let system: TestSystem;
let at: TestSystem;
let user: TestUser;
let proxies: FaultProxy[];
beforeAll(async () => {
  system = await startTestSystem();
  const database = new URL(String(system.env.DATABASE_FETCH_ENDPOINT));
  proxies = await Promise.all([
    startFaultProxy(system.s3.server?.port ?? 0),
    startFaultProxy(Number(database.port)),
  ]);
  at = system.withEnv({
    S3_ENDPOINT: proxies[0]?.endpoint,
    DATABASE_FETCH_ENDPOINT: `${proxies[1]?.endpoint}${database.pathname}`,
    OBJECT_ENCRYPTION: 'none',
    ORPHAN_GRACE_SECONDS: '0',
    UPLOAD_LIFETIME_SECONDS: '1',
  });
  user = await at.newUser();
  await at.runCron();
}, 120_000);
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await system.close();
});

/** Before its effect, and after it with nobody hearing of it. */
const FAULTS = [{ kind: 'status', status: 503, code: 'SlowDown' }, { kind: 'lost' }] as const;
/** Contents of files whose upload, or copy, was acknowledged; and ids whose purge was. */
const kept = new Map<string, string>();
const purged = new Set<string>();

/** Lets the n-th request to either of them fail. @returns whether there was one */
function armed(n: number, fault: (typeof FAULTS)[number]): () => boolean {
  let seen = 0;
  for (const proxy of proxies)
    proxy.fault = () => {
      seen += 1;
      return seen === n ? fault : undefined;
    };
  return () => {
    for (const proxy of proxies) proxy.fault = () => undefined;
    return seen >= n;
  };
}

/** Every request of an operation fails once, in each way; each time the client tries again, as one would. */
async function crashing<Prepared>(
  prepare: (name: string) => Promise<Prepared>,
  operate: (prepared: Prepared, name: string) => Promise<Answer>,
  acknowledged: (prepared: Prepared, answer: Answer, name: string) => void,
  name: string,
): Promise<number> {
  let n = 1;
  for (const fault of FAULTS)
    for (n = 1; ; n += 1) {
      const own = `${name}-${fault.kind}-${n}`;
      const prepared = await prepare(own);
      await at.settled();
      const wasHit = armed(n, fault);
      const answer = await operate(prepared, own);
      const hit = wasHit();
      expect([200, 201, 202, 204, 500, 503], `${own}: ${JSON.stringify(answer.body)}`).toContain(
        answer.status,
      );
      if (answer.status < 300) acknowledged(prepared, answer, own);
      else {
        const again = await operate(prepared, own);
        if (again.status < 300) acknowledged(prepared, again, own);
        else expect(['name_conflict', 'file_not_found'], own).toContain(again.body.code);
      }
      if (!hit) break;
    }
  return n;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const none = async () => {};

test('a fault between any two steps loses nothing, and leaves nothing behind', async () => {
  const steps: Record<string, number> = {};
  steps.upload = await crashing(
    none,
    (_, name) => user.upload(name, `bytes of ${name}`),
    (_, answer, name) => kept.set(answer.body.id, `bytes of ${name}`),
    'upload',
  );
  steps.version = await crashing(
    (name) => user.file(name, 'first'),
    (id, name) => user.call('PUT', `/v1/files/${id}/content`, { body: bytes(`second of ${name}`) }),
    (id, _, name) => kept.set(id, `second of ${name}`),
    'version',
  );
  steps.complete = await crashing(
    async (name) => {
      const content = bytes(`parts of ${name}`);
      const { body } = await user.call('POST', '/v1/uploads', {
        json: { name, size: content.byteLength, contentType: 'text/plain' },
      });
      const { body: urls } = await user.call('POST', `/v1/uploads/${body.id}/parts`, {
        json: { numbers: [1] },
      });
      const put = await fetch(urls.items[0].url, { method: 'PUT', body: content });
      await at.query(
        `update storage.uploads set expires_at = now() + interval '1 hour' where state = 'active'`,
      );
      return { id: body.id, etag: (put.headers.get('etag') ?? '').replaceAll('"', '') };
    },
    ({ id, etag }) =>
      user.call('POST', `/v1/uploads/${id}/complete`, { json: { parts: [{ number: 1, etag }] } }),
    (_, answer, name) => kept.set(answer.body.id, `parts of ${name}`),
    'complete',
  );
  steps.copy = await crashing(
    (name) => user.file(`${name}-source`, `copy of ${name}`),
    (id, name) => user.call('POST', `/v1/files/${id}/copy`, { json: { name } }),
    (_, answer, name) => kept.set(answer.body.id, `copy of ${name}`),
    'copy',
  );
  steps.purge = await crashing(
    async (name) => {
      const id = await user.file(name, `end of ${name}`);
      await user.call('DELETE', `/v1/files/${id}`);
      return id;
    },
    (id) => user.call('DELETE', `/v1/trash/${id}`),
    (id) => purged.add(id),
    'purge',
  );
  for (const [name, count] of Object.entries(steps)) expect(count, name).toBeGreaterThan(1);

  await at.query(
    `update storage.uploads set expires_at = now() - interval '1 second' where state = 'active'`,
  );
  for (let round = 0; round < 4; round += 1) {
    await at.query(`update storage.object_deletions set next_attempt_at = now()`);
    await at.runCron();
    if (round === 1) await new Promise((resolve) => setTimeout(resolve, 2_000));
  }

  for (const [id, content] of kept) {
    const { status, bytes: got } = await user.call('GET', `/v1/files/${id}/content`);
    expect([status, sha256(got)], id).toEqual([200, sha256(bytes(content))]);
  }
  for (const id of purged) expect((await user.call('GET', `/v1/files/${id}`)).status).toBe(404);
  const { fsck } = startIntegrity(at);
  const request = { deep: true, repair: false, after: '', limit: 1_000, timeMs: 60_000 };
  expect((await fsck.step({ ...request, graceSeconds: 0 })).findings).toEqual([]);
  const { objects } = await system.store.list({ prefix: '', limit: 1_000 });
  const stored = objects.map(({ key }) => key).filter((key) => !key.startsWith('journal/'));
  const rows = await at.query('select key from storage.objects order by key collate "C"');
  expect(stored).toEqual(rows.map(({ key }) => key));
  const [drive] = await at.query(`
    select d.used_bytes = (select sum(v.size) from storage.versions v where v.drive_id = d.id) as used,
      d.entry_count = (select count(*) from storage.files f where f.drive_id = d.id) as entries, d.reserved_bytes
    from storage.drives d`);
  expect(drive).toEqual({ used: true, entries: true, reserved_bytes: '0' });
}, 240_000);

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
