import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import { createOidcRepository } from './oidc.ts';

// What a change of an account must not overlook: something that was being written when it began. The embedded database
// runs one transaction at a time; only a real one (TEST_DATABASE_URL) makes the change wait in the middle.

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const idOf = (account: TestAccount) => sql`${idToUuid(account.id)}::uuid`;
const lock = (account: TestAccount) =>
  system.db.execute(sql`select from auth.users where id = ${idOf(account)} for no key update`);
const linger = () => system.db.execute(sql`select pg_sleep(2)`);

/** A sign-in and a new passkey that are not finished yet. */
const opening = (account: TestAccount) =>
  system.db.batch([
    lock(account),
    system.db.execute(sql`
      insert into auth.sessions (id, user_id, user_agent, methods, idle_seconds, expires_at)
      values (gen_random_uuid(), ${idOf(account)}, 'late', '{pwd}', 3600, now() + interval '1 day')`),
    system.db.execute(sql`
      insert into auth.passkeys (id, user_id, name, credential_id, public_key, counter, transports, backed_up)
      values (gen_random_uuid(), ${idOf(account)}, 'late', gen_random_uuid()::text, 'key', 0, '{}', false)`),
    linger(),
  ]);

async function left(account: TestAccount) {
  const { rows } = await system.db.execute(sql`
    select (select count(*)::int from auth.sessions where user_id = ${idOf(account)} and user_agent = 'late'
        and revoked_at is null) as sessions,
      (select count(*)::int from auth.passkeys where user_id = ${idOf(account)}) as passkeys`);
  return rows[0];
}

test('a changed password ends a session that was being opened', async () => {
  const account = await system.register();
  const json = { currentPassword: account.password, newPassword: `another ${account.id}` };
  const [, answer] = await Promise.all([
    opening(account),
    account.call('POST', '/v1/auth/password', { json }),
  ]);
  expect(answer.status).toBe(204);
  expect(await left(account)).toMatchObject({ sessions: 0 });
});

test('a reset password takes a passkey away that was being added to an unproven account', async () => {
  const account = await system.register();
  await system.call('POST', '/v1/auth/password/forgot', { json: { email: account.email } });
  await system.settled();
  await system.runCron();
  const mail = system.emails.findLast(
    ({ to, text }) => to.includes(account.email) && text.includes('reset-'),
  );
  const token = /reset-password#token=([\w-]{43})/.exec(mail?.text ?? '')?.[1];
  const json = { token, newPassword: `another ${account.id}` };
  const [, answer] = await Promise.all([
    opening(account),
    system.call('POST', '/v1/auth/password/reset', { json }),
  ]);
  expect(answer.status).toBe(204);
  expect(await left(account)).toEqual({ sessions: 0, passkeys: 0 });
});

test('a deleted account keeps nothing that was being written', async () => {
  const account = await system.register();
  const json = { password: account.password };
  const [, answer] = await Promise.all([opening(account), account.call('DELETE', '/v1/auth/me', { json })]);
  expect(answer.status).toBe(204);
  expect(await left(account)).toEqual({ sessions: 0, passkeys: 0 });
});

test('the last way into an account stays when another one is being unlinked', async () => {
  const account = await system.register();
  await system.db.batch([
    system.db.execute(sql`
      insert into auth.identity_providers
        (id, name, issuer, client_id, sealed_client_secret, scopes, allows_sign_up, enabled)
      select id, id, 'https://' || id, 'client', 'sealed', '{openid}', true, true
      from unnest(array['one', 'two']) as id`),
    system.db.execute(sql`
      insert into auth.identities (provider_id, subject, user_id)
      select id, 'subject', ${idOf(account)} from unnest(array['one', 'two']) as id`),
    system.db.execute(sql`update auth.users set password_hash = null where id = ${idOf(account)}`),
  ]);
  const audit = {
    actor: { kind: 'person', id: account.id },
    action: 'identity.unlink',
    result: 'success',
  } as const;
  const [, outcome] = await Promise.all([
    system.db.batch([
      lock(account),
      system.db.execute(
        sql`delete from auth.identities where user_id = ${idOf(account)} and provider_id = 'one'`,
      ),
      linger(),
    ]),
    new Promise((resolve) => setTimeout(resolve, 500)).then(() =>
      createOidcRepository(system.db).unlink(account.id, 'two', audit),
    ),
  ]);
  expect(outcome).toBe('last');
});
