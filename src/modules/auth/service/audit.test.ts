import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuditLog } from '../../../core/database/audit-log.ts';
import { createAuditVerifier } from '../../../local/audit-file.ts';
import { type Answer, startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let admin: TestAccount;

beforeAll(async () => {
  system = await startTestSystem();
  admin = await system.register();
  await system.db.execute(sql`update auth.users set role = 'admin' where email = ${admin.email}`);
}, 120_000);
afterAll(() => system.close());

type Line = { type: string; hash: string; event: { sequence: number; action: string }; sequence: number };
const linesOf = (answer: Answer): string[] => String(answer.body).split('\n').slice(0, -1);
const parse = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line));
const exportLog = (query = '') => admin.call('GET', `/v1/admin/audit/export${query}`);
const keys = async () => (await system.call('GET', '/v1/auth/audit/keys')).body.keys;
const entries = async (query: string) => (await admin.call('GET', `/v1/admin/audit?${query}`)).body.items;
const append = (rows: number, days = 0, details = {}) =>
  system.db.execute(sql`
    insert into core.audit_events (actor_kind, action, object_kind, object_id, result, occurred_at, details)
    select 'system', 'test.event', 'thing', 'thing_' || n, 'success', now() - make_interval(days => ${days}::int),
      ${JSON.stringify(details)}::jsonb
    from generate_series(1, ${rows}::int) n`);
async function verify(lines: readonly string[]) {
  const verifier = createAuditVerifier({ keys: await keys() });
  for (const line of lines) verifier.take(line);
  return verifier.end();
}

describe('the chain', () => {
  test('gets every committed entry, in order and without gaps, a minute later at most', async () => {
    await append(2_500);
    await system.runCron();
    const { rows } = await system.db.execute(sql`
      select count(*) filter (where sequence is null) as unsealed, max(sequence) as last, count(distinct sequence) as places
      from core.audit_events`);
    expect(Number(rows[0]?.unsealed)).toBe(0);
    expect(rows[0]?.last).toBe(rows[0]?.places);
  });

  test('does not fork when several lengthen it at once', async () => {
    await append(1_500);
    await Promise.all([exportLog(), system.runCron(), system.withEnv({}).runCron(), exportLog()]);
    const lines = linesOf(await exportLog());
    const { first, last } = await verify(lines);
    expect(first).toBe(1);
    expect(last.sequence).toBeGreaterThan(4_000);
  });

  test('takes nothing from a sealer that read an older end of it', async () => {
    const log = createAuditLog(system.db);
    await append(1);
    const stale = await log.unsealed(1);
    await system.runCron();
    await append(1);
    const [row] = (await log.unsealed(1)).rows;
    const place = { sequence: stale.head.sequence + 1_000, hash: 'f'.repeat(64) };
    const checkpoint = { ...place, createdAt: new Date(), signature: 'none' };
    expect(await log.seal(stale.head, [{ id: row?.id ?? 0, ...place }], checkpoint)).toBe(false);
    await verify(linesOf(await exportLog()));
  });

  test('can be changed by nobody with the database at hand', async () => {
    await system.runCron();
    for (const statement of [
      sql`update core.audit_events set result = 'denied' where sequence = 3`,
      sql`update core.audit_events set sequence = sequence where sequence = 3`,
      sql`update core.audit_events set sequence = null where sequence = 3`,
      sql`delete from core.audit_events where sequence = 3`,
      sql`truncate core.audit_events`,
    ])
      await expect(system.db.execute(statement)).rejects.toThrow();
    await append(1);
    for (const statement of [
      sql`update core.audit_events set action = 'x', sequence = 1000000, hash = 'x' where sequence is null`,
      sql`delete from core.audit_events where sequence is null`,
    ])
      await expect(system.db.execute(statement)).rejects.toThrow();
    await verify(linesOf(await exportLog()));
  });

  test('that somebody changed by taking the triggers away is found', async () => {
    await append(3);
    const before = linesOf(await exportLog());
    const target = parse(before).findLast(({ type }) => type === 'event')?.event.sequence ?? 0;
    await system.db.batch([
      system.db.execute(sql`alter table core.audit_events disable trigger all`),
      system.db.execute(
        sql`update core.audit_events set actor_id = 'usr_innocent' where sequence = ${target}`,
      ),
      system.db.execute(sql`alter table core.audit_events enable trigger all`),
    ]);
    await expect(verify(linesOf(await exportLog()))).rejects.toMatchObject({ sequence: target });
    await system.db.batch([
      system.db.execute(sql`alter table core.audit_events disable trigger all`),
      system.db.execute(
        sql`update core.audit_events e set actor_id = ${admin.id} where sequence = ${target}`,
      ),
      system.db.execute(sql`alter table core.audit_events enable trigger all`),
    ]);
    await verify(linesOf(await exportLog()));
  });

  test('holds what somebody sent in any characters', async () => {
    const hostile = { note: 'a\r\nb \u2028 "quoted" \\ | = 🎉', '10': 1, '9': 2, big: 1e300, small: 1e-7 };
    await append(1, 0, hostile);
    const lines = linesOf(await exportLog());
    await verify(lines);
    expect(lines.filter((line) => line.includes('🎉'))).toHaveLength(1);
  });

  test('keeps a checkpoint for each step, signed with a key that signs nothing else', async () => {
    const { body } = await admin.call('GET', '/v1/admin/audit/checkpoints?limit=2');
    expect(body.items).toHaveLength(2);
    expect(body.items[0].sequence).toBeGreaterThan(body.items[1].sequence);
    expect(body.nextCursor).toBe(String(body.items[1].sequence));
    const header = JSON.parse(Buffer.from(body.items[0].signature.split('.')[0], 'base64url').toString());
    expect(header).toMatchObject({ alg: 'EdDSA', typ: 'audit-checkpoint+jws', kid: (await keys())[0].kid });
    const tokens = await system.call('GET', '/.well-known/jwks.json');
    expect(JSON.stringify(tokens.body)).not.toContain((await keys())[0].x);
    const answer = await system.call('GET', '/v1/auth/me', { token: body.items[0].signature });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });
});

describe('reading the log', () => {
  test('is for those who may', async () => {
    const member = await system.register();
    for (const path of ['', '/export', '/checkpoints'])
      expect(await member.call('GET', `/v1/admin/audit${path}`)).toMatchObject({
        status: 403,
        body: { code: 'permission_denied' },
      });
    expect((await system.call('GET', '/v1/admin/audit')).status).toBe(401);
    expect((await member.call('POST', '/v1/admin/audit/keys')).status).toBe(403);
  });

  test('finds entries by actor, action, object, result and time', async () => {
    const person = await system.register();
    await system.call('POST', '/v1/auth/login', {
      json: { email: person.email, password: 'wrong password' },
    });
    const mine = await entries(`actor=${person.id}`);
    expect(mine.map(({ action }: { action: string }) => action)).toContain('user.register');
    expect(await entries(`actor=${person.id}&result=failure`)).toMatchObject([
      { action: 'session.open', reason: 'invalid_credentials', actor: { kind: 'anonymous' } },
    ]);
    expect((await entries(`object=${person.id}&action=user.register`)).length).toBe(1);
    const at = encodeURIComponent(mine[0].occurredAt);
    expect(await entries(`actor=${person.id}&to=${encodeURIComponent('2020-01-01T00:00:00Z')}`)).toEqual([]);
    expect((await entries(`actor=${person.id}&from=${at}`)).length).toBeGreaterThan(0);
  });

  test('goes page by page, without gaps or repetitions', async () => {
    const ids: number[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < 3 && cursor !== null; page += 1) {
      const { body }: Answer = await admin.call(
        'GET',
        `/v1/admin/audit?action=test.event&limit=7${cursor && `&cursor=${cursor}`}`,
      );
      ids.push(...body.items.map(({ id }: { id: number }) => id));
      cursor = body.nextCursor;
    }
    expect(ids).toHaveLength(21);
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => b - a));
  });

  test.each(['limit=0', 'limit=201', 'cursor=x', 'from=yesterday', 'result=maybe', 'actor=%00', 'unknown=1'])(
    'with %s is 400',
    async (query) => {
      expect(await admin.call('GET', `/v1/admin/audit?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      });
    },
  );

  test('is an entry itself', async () => {
    await entries('action=session.open');
    const marker = new Date().toISOString();
    await exportLog(`?format=cef&from=${encodeURIComponent(marker)}`);
    expect((await entries('action=audit.read'))[0]).toMatchObject({ actor: { id: admin.id } });
    expect((await entries('action=audit.export'))[0]).toMatchObject({
      actor: { id: admin.id },
      details: { format: 'cef', from: marker },
    });
  });

  test('shows people what was done in their name, and nothing else', async () => {
    const [one, other] = [await system.register(), await system.register()];
    await system.call('POST', '/v1/auth/login', { json: { email: one.email, password: 'wrong password' } });
    const { body } = await one.call('GET', '/v1/auth/activity');
    expect(new Set(body.items.map(({ actor }: { actor: { id: string } }) => actor.id))).toEqual(
      new Set([one.id]),
    );
    expect(body.items[0]).toMatchObject({ action: 'session.open', result: 'failure' });
    expect(JSON.stringify(body)).not.toContain(other.id);
  });

  test('of a workspace is for its owners and administrators, and has what is about it only', async () => {
    const [owner, member, stranger] = [
      await system.register(),
      await system.register(),
      await system.register(),
    ];
    const workspace = crypto.randomUUID();
    const id = `wsp_${workspace.replaceAll('-', '')}`;
    const uuid = (user: TestAccount) =>
      user.id.slice(4).replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
    await system.db.execute(sql`insert into auth.workspaces (id, name) values (${workspace}::uuid, 'one')`);
    await system.db.execute(sql`insert into auth.workspace_members (workspace_id, user_id, role) values
      (${workspace}::uuid, ${uuid(owner)}::uuid, 'owner'), (${workspace}::uuid, ${uuid(member)}::uuid, 'member')`);
    await system.db.execute(sql`insert into core.audit_events (actor_kind, action, workspace_id, result) values
      ('system', 'member.add', ${id}, 'success'), ('system', 'member.add', 'wsp_other', 'success')`);
    const path = `/v1/workspaces/${id}/audit`;
    const { body } = await owner.call('GET', `${path}?action=member.add`);
    expect(body.items).toMatchObject([{ action: 'member.add', workspaceId: id }]);
    expect(await member.call('GET', path)).toMatchObject({
      status: 403,
      body: { code: 'permission_denied' },
    });
    const foreign = await stranger.call('GET', path);
    const missing = await stranger.call('GET', `/v1/workspaces/wsp_${'0'.repeat(32)}/audit`);
    expect([foreign.status, foreign.body.code]).toEqual([404, missing.body.code]);
    expect((await owner.call('GET', `${path}?workspace=wsp_other`)).status).toBe(400);
  });
});

describe('an export', () => {
  test('of a period begins and ends at a checkpoint, so that it verifies by itself', async () => {
    await exportLog();
    const from = new Date().toISOString();
    await append(3);
    await system.runCron();
    const lines = linesOf(await exportLog(`?from=${encodeURIComponent(from)}`));
    const { first, last } = await verify(lines);
    expect(first).toBeGreaterThan(1_000);
    expect(last.sequence - first).toBeLessThan(50);
    expect(parse(lines).filter(({ event }) => event?.action === 'test.event')).toHaveLength(3);
  });

  test('of a period without entries has no entry', async () => {
    const lines = linesOf(await exportLog(`?to=${encodeURIComponent('2020-01-01T00:00:00Z')}`));
    expect(parse(lines).filter(({ type }) => type === 'event')).toEqual([]);
  });

  test('is still whole after the key was changed, and the older key signs no more', async () => {
    const [old] = await keys();
    const rotated = await admin.call('POST', '/v1/admin/audit/keys');
    expect(rotated.status).toBe(201);
    expect(rotated.body.keys[1]).toEqual(old);
    await append(1);
    const lines = linesOf(await exportLog());
    await verify(lines);
    expect(parse(lines).filter(({ type }) => type === 'key')).toHaveLength(2);
    const { rows } = await system.db.execute(sql`select values from core.settings where module = 'audit'`);
    expect(JSON.stringify(rows)).toMatch(/"sealedKey":null/);
    expect(JSON.stringify(rows)).not.toContain('"d"');
  });

  test('in CEF is one line an entry, with nothing that could be taken for another field or line', async () => {
    const from = new Date().toISOString();
    await append(1, 0, { note: 'a|b=c\\d\r\nCEF:0|forged\u2028|' });
    await system.db.execute(sql`insert into core.audit_events (actor_kind, action, result, reason, address)
      values ('anonymous', ${'pipe|back\\slash\nline'}, 'denied', ${'x=y\r\nz'}, '2001:db8::1')`);
    const lines = linesOf(await exportLog(`?format=cef&from=${encodeURIComponent(from)}`));
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^CEF:0\|AI Cloud Storage\|audit\|1\|/);
    expect(lines.join('\n')).toContain('"note":"a|b\\=c\\\\\\\\d\\\\r\\\\nCEF:0|forged\\n|"');
    expect(lines[1]).toContain('|pipe\\|back\\\\slash line|pipe\\|back\\\\slash line|7|');
    expect(lines[1]).toContain('reason=x\\=y\\r\\nz ');
    expect(lines[1]).toContain('c6a2=2001:db8::1');
  });
});
