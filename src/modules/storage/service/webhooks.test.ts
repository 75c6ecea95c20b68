import { createHmac, timingSafeEqual } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Received,
  type ReceiverAnswer,
  startTestReceiver,
  type TestReceiver,
} from '../testing/test-receiver.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let receiver: TestReceiver;
let resolver: TestReceiver;
/** Nobody is allowed to go there. */
let canary: TestReceiver;
/** How the receiver answers, by path; 204 unless told. */
const answers = new Map<string, ReceiverAnswer | undefined>();
/** What the resolver says of a name, in all record types. */
let addresses: Record<string, string[]> = {};
let resolverIsUp = true;

beforeAll(async () => {
  receiver = await startTestReceiver(({ path }) => (answers.has(path) ? answers.get(path) : { status: 204 }));
  resolver = await startTestReceiver(({ path }) => {
    const query = new URL(path, 'http://resolver').searchParams;
    const type = query.get('type') === 'AAAA' ? 28 : 1;
    const known = addresses[query.get('name') ?? ''];
    const records = (known ?? []).filter((data) => data.includes(':') === (type === 28));
    return {
      status: resolverIsUp ? 200 : 503,
      headers: { 'content-type': 'application/dns-json' },
      body: JSON.stringify({ Status: known ? 0 : 3, Answer: records.map((data) => ({ type, data })) }),
    };
  });
  canary = await startTestReceiver(() => ({ status: 204 }));
  system = await startTestSystem({
    WEBHOOK_ALLOWED_HOSTS: receiver.host,
    DNS_RESOLVER_URL: resolver.url('/dns-query'),
  });
}, 120_000);
afterAll(async () => {
  await system.close();
  await receiver.close();
  await resolver.close();
  await canary.close();
});
beforeEach(async () => {
  answers.clear();
  resolverIsUp = true;
  await system.query('delete from storage.webhooks');
});

const paths: number[] = [];
const newPath = () => `/hook-${paths.push(0)}`;

async function hook(user: TestUser, path: string, more: object = {}) {
  const made = await user.call('POST', '/v1/webhooks', { json: { url: receiver.url(path), ...more } });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body;
}

async function deliveries(user: TestUser, id: string, query = '') {
  return (await user.call('GET', `/v1/webhooks/${id}/deliveries${query}`)).body.items;
}

async function run() {
  await system.settled();
  await system.runCron();
}

const makeAllDue = () =>
  system.query("update storage.webhook_deliveries set next_attempt_at = now() where state = 'pending'");

/** Standard Webhooks as a receiver has to do it, written from the specification. */
function verified({ headers, body }: Received, secret: string, nowSeconds = Date.now() / 1_000): boolean {
  const timestamp = Number(headers['webhook-timestamp']);
  if (!(Math.abs(nowSeconds - timestamp) <= 300)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${headers['webhook-id']}.${timestamp}.${body}`).digest();
  return String(headers['webhook-signature'])
    .split(' ')
    .map((entry) => Buffer.from(entry.replace(/^v1,/, ''), 'base64'))
    .some((signature) => signature.length === expected.length && timingSafeEqual(signature, expected));
}

describe('a webhook', () => {
  test('is told of each event of its drive once, signed so that its receiver can believe it', async () => {
    const user = await system.newUser();
    await user.file('before.txt');
    const path = newPath();
    const { id, secret } = await hook(user, path);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const folder = await user.folder('secret plans');
    const file = await user.file('a.txt', 'a', folder);
    await user.call('PATCH', `/v1/files/${file}`, { json: { name: 'b.txt' } });
    await Promise.all([run(), run()]);
    const got = receiver.at(path);
    const events = got.map(({ body }) => JSON.parse(body));
    expect(events.map(({ type, data }) => [type, data.fileId]).sort()).toEqual(
      [
        ['file.renamed', file],
        ['folder.created', folder],
        ['version.created', file],
      ].sort(),
    );
    expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
    expect(events[0].data).toMatchObject({ driveId: user.id, actorId: user.id });
    for (const request of got) {
      expect(request.body).not.toContain('secret plans');
      expect(verified(request, secret)).toBe(true);
      expect(verified(request, `whsec_${'A'.repeat(43)}=`)).toBe(false);
      expect(verified({ ...request, body: `${request.body} ` }, secret)).toBe(false);
      expect(verified(request, secret, Date.now() / 1_000 + 301)).toBe(false);
    }
    const shown = await user.call('GET', `/v1/webhooks/${id}`);
    expect(JSON.stringify(shown.body)).not.toContain('whsec_');
    expect(await deliveries(user, id, '?state=delivered')).toHaveLength(3);
    expect(JSON.stringify(await system.query('select * from storage.webhooks'))).not.toContain(secret);
  });

  test('is told only of the types that it names, and of nothing while it is off', async () => {
    const user = await system.newUser();
    const path = newPath();
    const { id } = await hook(user, path, { events: ['folder.created'] });
    await user.file('a.txt');
    await user.folder('f');
    await run();
    expect(receiver.at(path).map(({ body }) => JSON.parse(body).type)).toEqual(['folder.created']);
    const off = await user.call('PATCH', `/v1/webhooks/${id}`, { json: { active: false } });
    expect(off.body).toMatchObject({ active: false, reason: null });
    await user.folder('g');
    await run();
    expect(receiver.at(path)).toHaveLength(1);
    expect((await user.call('POST', `/v1/webhooks/${id}/test`)).body.code).toBe('webhook_inactive');
  });

  test('belongs to those who manage the drive; for others it is not there', async () => {
    const [owner, viewer, stranger] = [
      await system.newUser(),
      await system.newUser(),
      await system.newUser(),
    ];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [viewer, 'viewer'],
    ]);
    const { id } = await hook(owner, newPath(), { driveId });
    const json = { driveId, url: receiver.url('/x') };
    expect((await viewer.call('POST', '/v1/webhooks', { json })).body.code).toBe('role_required');
    expect((await stranger.call('POST', '/v1/webhooks', { json })).body.code).toBe('drive_not_found');
    const calls: [string, string, object?][] = [
      ['GET', ''],
      ['PATCH', '', { json: { active: false } }],
      ['DELETE', ''],
      ['POST', '/rotate-secret'],
      ['POST', '/test'],
      ['GET', '/deliveries'],
      ['POST', `/deliveries/whd_${'0'.repeat(32)}/replay`],
    ];
    const none = `whk_${'0'.repeat(32)}`;
    for (const [method, suffix, options] of calls)
      for (const user of [viewer, stranger]) {
        const refused = await user.call(method, `/v1/webhooks/${id}${suffix}`, options);
        const missing = await user.call(method, `/v1/webhooks/${none}${suffix}`, options);
        expect(refused.body.code, `${method} ${suffix}`).toBe('webhook_not_found');
        expect({ ...refused.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
      }
    expect((await viewer.call('GET', '/v1/webhooks')).body.items).toEqual([]);
    expect((await owner.call('GET', `/v1/webhooks?driveId=${driveId}`)).body.items).toHaveLength(1);
    expect((await owner.call('GET', `/v1/webhooks/${id}`)).body).toMatchObject({ driveId, active: true });
  });

  test('falls silent when its maker may not manage the drive any more, for what was waiting too', async () => {
    const [owner, admin] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [admin, 'admin'],
    ]);
    const path = newPath();
    answers.set(path, { status: 500 });
    const { id } = await hook(admin, path, { driveId });
    await owner.upload('a.txt', 'a', { driveId });
    await run();
    expect(receiver.at(path)).toHaveLength(1);
    await system.removeMember(driveId, admin);
    await owner.upload('b.txt', 'b', { driveId });
    await makeAllDue();
    await run();
    expect(receiver.at(path)).toHaveLength(1);
    expect((await owner.call('GET', `/v1/webhooks/${id}`)).body).toMatchObject({ active: false });
    expect((await deliveries(owner, id)).map(({ state }: { state: string }) => state)).toEqual(['failed']);
  });

  test('is one of ten at most, however many are made at once', async () => {
    const user = await system.newUser();
    const made = await Promise.all(
      Array.from({ length: 14 }, () =>
        user.call('POST', '/v1/webhooks', { json: { url: receiver.url('/many') } }),
      ),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(made.find(({ status }) => status !== 201)?.body.code).toBe('too_many_webhooks');
    const page = await user.call('GET', '/v1/webhooks?limit=4');
    const next = await user.call('GET', `/v1/webhooks?limit=200&cursor=${page.body.nextCursor}`);
    expect([page.body.items.length, next.body.items.length, next.body.nextCursor]).toEqual([4, 6, null]);
  });

  test('signs with both secrets for a day after a rotation, and keeps them through a rotation of keys', async () => {
    const user = await system.newUser();
    const path = newPath();
    const { id, secret } = await hook(user, path);
    const rotated = await user.call('POST', `/v1/webhooks/${id}/rotate-secret`);
    expect(rotated.body.secret).not.toBe(secret);
    const keys = `k2:${'B'.repeat(43)}`;
    const later = system.withEnv({ STORAGE_ENCRYPTION_KEYS: `${keys},k1:${'A'.repeat(43)}` });
    await later.runCron();
    const [row] = await system.query('select sealed_secret from storage.webhooks');
    expect(row?.sealed_secret).toMatch(/^v1\.k2\./);
    const latest = system.withEnv({ STORAGE_ENCRYPTION_KEYS: keys });
    const test = await latest.call('POST', `/v1/webhooks/${id}/test`, { token: user.token });
    expect(test.status).toBe(202);
    await latest.settled();
    const [got] = receiver.at(path);
    if (got === undefined) throw new Error('nothing came');
    expect(JSON.parse(got.body).type).toBe('webhook.test');
    expect(got.headers['webhook-id']).toBe(test.body.id);
    expect([verified(got, secret), verified(got, rotated.body.secret)]).toEqual([true, true]);
  });

  test('leaves entries in the audit log', async () => {
    const user = await system.newUser();
    const { id } = await hook(user, newPath());
    await user.call('PATCH', `/v1/webhooks/${id}`, { json: { events: ['file.moved'] } });
    await user.call('POST', `/v1/webhooks/${id}/rotate-secret`);
    expect((await user.call('DELETE', `/v1/webhooks/${id}`)).status).toBe(204);
    expect((await user.call('DELETE', `/v1/webhooks/${id}`)).status).toBe(404);
    const rows = await system.query(
      `select action from core.audit_events where object_id = '${id}' order by id`,
    );
    expect(rows.map(({ action }) => action)).toEqual([
      'webhook.create',
      'webhook.update',
      'webhook.rotate-secret',
      'webhook.delete',
    ]);
  });
});

describe('a delivery', () => {
  test('that fails is tried again under the same id, each time later, until it is given up', async () => {
    const user = await system.newUser();
    const path = newPath();
    answers.set(path, { status: 500 });
    const { id } = await hook(user, path);
    await user.folder('f');
    await run();
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      const [row] = await system.query(
        `select extract(epoch from next_attempt_at - now()) as pause from storage.webhook_deliveries`,
      );
      pauses.push(Number(row?.pause));
      expect(await deliveries(user, id)).toMatchObject([
        { state: 'pending', attempts: attempt, responseStatus: 500 },
      ]);
      await makeAllDue();
      await run();
    }
    expect(await deliveries(user, id)).toMatchObject([
      { state: 'failed', attempts: 8, error: 'answered 500', nextAttemptAt: null },
    ]);
    expect(pauses.every((pause, index) => index === 0 || pause > (pauses[index - 1] ?? 0))).toBe(true);
    expect(pauses.at(-1)).toBeGreaterThan(0.75 * 86_400);
    expect(new Set(receiver.at(path).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect((await user.call('GET', `/v1/webhooks/${id}`)).body).toMatchObject({ active: true, failures: 8 });
    answers.delete(path);
    const [{ id: deliveryId }] = await deliveries(user, id, '?state=failed');
    const replay = await user.call('POST', `/v1/webhooks/${id}/deliveries/${deliveryId}/replay`);
    expect(replay.status).toBe(202);
    await run();
    expect(await deliveries(user, id)).toMatchObject([
      { id: deliveryId, state: 'delivered', attempts: 1, responseStatus: 204 },
    ]);
    expect((await user.call('GET', `/v1/webhooks/${id}`)).body.failures).toBe(0);
  });

  test('never follows a redirect', async () => {
    const user = await system.newUser();
    const path = newPath();
    answers.set(path, { status: 307, headers: { location: receiver.url('/canary') } });
    const { id } = await hook(user, path);
    await user.folder('f');
    await run();
    expect(receiver.at(path)).toHaveLength(1);
    expect(receiver.at('/canary')).toEqual([]);
    expect((await deliveries(user, id))[0].error).toBe('answered 307; redirects are not followed');
  });

  test('ends the webhook when the receiver is gone, or nothing got through for long', async () => {
    const user = await system.newUser();
    const [gone, dead] = [newPath(), newPath()];
    answers.set(gone, { status: 410 });
    answers.set(dead, { status: 503 });
    const hooks = [await hook(user, gone), await hook(user, dead)];
    await user.folder('f');
    await run();
    expect((await user.call('GET', `/v1/webhooks/${hooks[0].id}`)).body).toMatchObject({
      active: false,
      reason: 'The receiver answered 410.',
    });
    await system.query(`update storage.webhooks set failures = 18 where active`);
    await system.query(`update storage.webhook_deliveries set attempts = 7 where state = 'pending'`);
    await makeAllDue();
    await run();
    const ended = (await user.call('GET', `/v1/webhooks/${hooks[1].id}`)).body;
    expect(ended).toMatchObject({ active: true, failures: 19 });
    await user.folder('g');
    await run();
    await system.query(`update storage.webhook_deliveries set attempts = 7 where state = 'pending'`);
    await makeAllDue();
    await run();
    expect((await user.call('GET', `/v1/webhooks/${hooks[1].id}`)).body.active).toBe(false);
    const audit = await system.query(
      `select object_id from core.audit_events where action = 'webhook.disable' order by id desc limit 2`,
    );
    expect(audit.map(({ object_id }) => object_id)).toEqual([hooks[1].id, hooks[0].id]);
    const on = await user.call('PATCH', `/v1/webhooks/${hooks[1].id}`, { json: { active: true } });
    expect(on.body).toMatchObject({ active: true, reason: null, failures: 0 });
  });

  test('of a receiver that does not answer holds up nobody else', async () => {
    const user = await system.newUser();
    const [hanging, working] = [newPath(), newPath()];
    answers.set(hanging, undefined);
    const slow = await hook(user, hanging);
    await hook(user, working);
    await Promise.all(Array.from({ length: 5 }, (_, index) => user.folder(`f${index}`)));
    await expect.poll(() => receiver.at(working).length, { timeout: 5_000 }).toBe(5);
    expect(receiver.at(hanging).length).toBeLessThanOrEqual(1);
    await user.call('DELETE', `/v1/webhooks/${slow.id}`);
    await run();
  }, 40_000);

  test('is one for each event, however many dispatch and send at once', async () => {
    const user = await system.newUser();
    const path = newPath();
    const { id } = await hook(user, path);
    const others = [1, 2, 3].map(() => system.withEnv({}));
    await Promise.all([
      ...Array.from({ length: 20 }, (_, index) => user.folder(`folder ${index}`)),
      ...others.map((other) => other.runCron()),
    ]);
    await Promise.all([run(), ...others.map((other) => other.runCron())]);
    await run();
    expect(receiver.at(path)).toHaveLength(20);
    expect(new Set(receiver.at(path).map(({ body }) => JSON.parse(body).data.fileId)).size).toBe(20);
    expect(await deliveries(user, id, '?state=delivered&limit=200')).toHaveLength(20);
  });

  test('waits for transactions that are still running, and passes none of them', async () => {
    const user = await system.newUser();
    const path = newPath();
    await hook(user, path);
    const folder = await user.folder('f');
    // As if begun now, and another one before it had not ended yet.
    await system.query(`insert into storage.outbox (transaction_id, type, drive_id, file_id)
      select (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 300)::text::xid8, 'file.changed', f.drive_id, f.id
      from storage.files f where f.id = '${folder.slice(5)}'`);
    const types = async () => {
      await run();
      return receiver.at(path).map(({ body }) => JSON.parse(body).type);
    };
    expect(await types()).toEqual(['folder.created']);
    await user.folder('g');
    expect(await types()).toEqual(['folder.created', 'folder.created']);
    for (let transaction = 0; transaction < 310; transaction += 1)
      await system.query('select pg_current_xact_id()');
    expect(await types()).toEqual(['folder.created', 'folder.created', 'file.changed']);
  });

  test('whose sender went away before it was noted comes again, under the same id', async () => {
    const user = await system.newUser();
    const path = newPath();
    await hook(user, path);
    await user.folder('f');
    await run();
    await system.query(
      `update storage.webhook_deliveries set state = 'pending', lease_until = now() - interval '1 second'`,
    );
    await run();
    const ids = receiver.at(path).map(({ headers }) => headers['webhook-id']);
    expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
  });
});

describe('where a webhook may lead', () => {
  const port = () => canary.host.split(':')[1];
  const spellings = () => [
    `http://localhost:${port()}/`,
    `http://127.0.0.1:${port()}/`,
    ...[
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
    ].flatMap((host) => [`https://${host}/`, `https://${host}:${port()}/x`, `https://user:pass@${host}/`]),
    'https://localhost/',
    'https://a.localhost/',
    'https://printer.local/',
    'https://metadata.google.internal/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://１２７.0.0.1/',
    'file:///etc/passwd',
    'https://hooks.example.org:22/',
    'http://hooks.example.org/',
    'not a url',
  ];

  test('is refused by how it is written, when it is made and when it is changed', async () => {
    const user = await system.newUser();
    const { id } = await hook(user, newPath());
    for (const url of spellings()) {
      const made = await user.call('POST', '/v1/webhooks', { json: { url } });
      expect([made.status, made.body.code], url).toEqual([400, 'webhook_url_refused']);
      const changed = await user.call('PATCH', `/v1/webhooks/${id}`, { json: { url } });
      expect(changed.body.code, url).toBe('webhook_url_refused');
    }
    const own = await user.call('POST', '/v1/webhooks', { json: { url: 'https://api.test/v1/files' } });
    expect(own.body.code).toBe('webhook_url_refused');
    expect(canary.received).toEqual([]);
  });

  test('is looked at again before each request, and by every address that the name has', async () => {
    const user = await system.newUser();
    const urls = [
      ...spellings().filter((url) => URL.canParse(url)),
      'https://rebound.example.org/',
      'https://mixed.example.org/',
      'https://none.example.org/',
    ];
    addresses = {
      'rebound.example.org': ['127.0.0.1'],
      'mixed.example.org': ['93.184.216.34', '::ffff:127.0.0.1'],
    };
    const before = receiver.received.length;
    const { id } = await hook(user, newPath());
    for (const url of urls) {
      await system.query(`update storage.webhooks set url = '${url}', active = true, failures = 0`);
      await user.call('POST', `/v1/webhooks/${id}/test`);
      await run();
      const [{ state, error }] = await deliveries(user, id);
      expect(error, url).toMatch(/^the (URL|name)/);
      if (state === 'pending') await system.query('delete from storage.webhook_deliveries');
    }
    expect([receiver.received.length, canary.received.length]).toEqual([before, 0]);
  }, 60_000);

  test('is not gone to while names cannot be looked up; that is nobody’s failure', async () => {
    const user = await system.newUser();
    const { id } = await hook(user, newPath());
    await system.query(`update storage.webhooks set url = 'https://hooks.example.org/'`);
    resolverIsUp = false;
    await user.call('POST', `/v1/webhooks/${id}/test`);
    await run();
    expect(await deliveries(user, id)).toMatchObject([
      { state: 'pending', attempts: 0, error: 'the name could not be looked up' },
    ]);
    expect((await user.call('GET', `/v1/webhooks/${id}`)).body).toMatchObject({ active: true, failures: 0 });
  });
});
