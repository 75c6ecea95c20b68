import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuditVerifier } from '../../../local/audit-file.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let admin: TestAccount;

beforeAll(async () => {
  system = await startTestSystem({ AUDIT_RETENTION_DAYS: '0' });
  admin = await system.register();
  await system.db.execute(sql`update auth.users set role = 'admin' where email = ${admin.email}`);
  await system.runCron();
  // What the start left in the log is from today, and nothing older goes before it is old too.
  await withoutTriggers(sql`delete from core.audit_events`);
  await system.db.execute(sql`delete from core.audit_checkpoints`);
  await append('test.old', 40);
  await system.runCron();
  await append('test.young', 20);
  // Comes late: it stands behind younger ones, and stays with them.
  await append('test.late', 35);
  await system.runCron();
}, 120_000);
afterAll(() => system.close());

const withoutTriggers = (statement: SQL) =>
  system.db.batch([
    system.db.execute(sql`alter table core.audit_events disable trigger all`),
    system.db.execute(statement),
    system.db.execute(sql`alter table core.audit_events enable trigger all`),
  ]);
type Line = { type: string; event: { sequence: number; action: string } };
const append = (action: string, days: number) =>
  system.db.execute(sql`
    insert into core.audit_events (actor_kind, action, result, occurred_at)
    select 'system', ${action}, 'success', now() - make_interval(days => ${days}::int) from generate_series(1, 10)`);
async function exported() {
  const { body } = await admin.call('GET', '/v1/admin/audit/export');
  const lines = String(body).split('\n').slice(0, -1);
  const { keys } = (await system.call('GET', '/v1/auth/audit/keys')).body;
  const verifier = createAuditVerifier({ keys });
  for (const line of lines) verifier.take(line);
  const events = lines.map((line): Line => JSON.parse(line)).filter(({ type }) => type === 'event');
  return { range: verifier.end(), events: events.map(({ event }) => event) };
}

test('retention of 0 days keeps everything', async () => {
  await system.runCron();
  const { events, range } = await exported();
  expect(events.filter(({ action }) => action === 'test.old')).toHaveLength(10);
  expect(range.first).toBe(1);
});

test('what is too old goes, up to a checkpoint; that is noted, and the rest still verifies', async () => {
  // Two at once do no harm.
  const strict = system.withEnv({ AUDIT_RETENTION_DAYS: '30', LOG_LEVEL: 'error' });
  await Promise.all([strict.runCron(), system.withEnv({ AUDIT_RETENTION_DAYS: '30' }).runCron()]);
  const { events, range } = await exported();
  const count = (action: string) => events.filter((event) => event.action === action).length;
  expect(['test.old', 'test.young', 'test.late'].map(count)).toEqual([0, 10, 10]);
  expect(count('audit.prune')).toBe(1);
  expect(range.first).toBe(11);
  await expect(
    system.db.execute(sql`delete from core.audit_events where sequence = ${range.first}`),
  ).rejects.toThrow('Failed query');
});

test('when every entry is gone the chain goes on from the checkpoint', async () => {
  const { range } = await exported();
  // As if years had passed: the age of entries is by the clock of the database.
  await withoutTriggers(sql`delete from core.audit_events`);
  const after = await exported();
  expect(after.range.first).toBeGreaterThan(range.last.sequence);
});
