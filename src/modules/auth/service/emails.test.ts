import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import { createKeyring, keyringSchema } from '../../../core/security/keyring.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { createHttpMailer } from '../adapters/http-mailer.ts';
import type { EmailMessage } from '../models/emails.ts';
import { createEmailRepository } from '../repository/emails.ts';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';
import { createEmailDelivery, type EmailDelivery } from './email-delivery.ts';
import { createEmails, type Emails } from './emails.ts';

const NOTICE: EmailMessage = { template: 'security-notice', what: 'A passkey was added.' };
/** What the provider makes of a call: a status, the call never answered, or taken with the answer lost. */
type Behaviour = number | 'hang' | 'take and break off';

interface Provider {
  readonly endpoint: string;
  /** Every call, in order, whatever became of it. */
  readonly calls: { key: string; authorization: string; body: Record<string, unknown> }[];
  /** Next answers; then 200. */
  behave(...next: readonly Behaviour[]): void;
  close(): Promise<void>;
}

let system: TestSystem;
let provider: Provider;
let emails: Emails;

beforeAll(async () => {
  system = await startTestSystem();
  provider = await startProvider();
  emails = createEmails({ repository: createEmailRepository(system.db), keyring: keyring(), newId });
}, 120_000);
afterAll(async () => {
  await provider.close();
  await system.close();
});
beforeEach(async () => {
  await system.db.execute(sql`delete from auth.emails`);
  provider.calls.length = 0;
  provider.behave();
});

describe('an e-mail in the outbox', () => {
  test('goes to the provider once, with key and id, and its text is forgotten', async () => {
    await emails.send('ann@example.com', NOTICE);
    await dispatcher().deliver();
    await dispatcher().deliver();
    expect(provider.calls).toHaveLength(1);
    expect(provider.calls[0]).toMatchObject({
      authorization: 'Bearer email-key',
      key: expect.stringMatching(/^eml_[0-9a-f]{32}$/),
      body: { from: 'Us <us@api.test>', to: ['ann@example.com'], subject: expect.any(String) },
    });
    expect(await rows()).toEqual([{ status: 'sent', attempts: 1, sealed: false, reason: null }]);
  });

  test('is tried again, later and with the same id, when the provider has a fault', async () => {
    await emails.send('ann@example.com', NOTICE);
    provider.behave(500);
    await dispatcher().deliver();
    await dispatcher().deliver();
    expect(await rows()).toEqual([{ status: 'pending', attempts: 1, sealed: true, reason: 'HTTP 500' }]);
    expect(provider.calls).toHaveLength(1);
    await letTimePass();
    await dispatcher().deliver();
    expect(await rows()).toMatchObject([{ status: 'sent', attempts: 2, sealed: false }]);
    expect(new Set(provider.calls.map(({ key }) => key)).size).toBe(1);
    expect(provider.calls[1]?.body).toEqual(provider.calls[0]?.body);
  });

  test.each([401, 403, 408, 409, 429, 302, 307])('waits while the provider answers %i', async (status) => {
    await emails.send('ann@example.com', NOTICE);
    provider.behave(status);
    await dispatcher().deliver();
    expect(await rows()).toMatchObject([{ status: 'pending', sealed: true }]);
    expect(provider.calls).toHaveLength(1);
  });

  test.each([400, 404, 422])('has failed for good when the provider answers %i', async (status) => {
    await emails.send('ann@example.com', NOTICE);
    provider.behave(status);
    await dispatcher().deliver();
    await letTimePass();
    await dispatcher().deliver();
    expect(provider.calls).toHaveLength(1);
    expect(await rows()).toEqual([
      { status: 'failed', attempts: 1, sealed: false, reason: `HTTP ${status} validation_error` },
    ]);
  });

  test('waits when the provider hangs, and is not lost', async () => {
    await emails.send('ann@example.com', NOTICE);
    provider.behave('hang');
    await dispatcher().deliver();
    expect(await rows()).toMatchObject([{ status: 'pending', attempts: 1, sealed: true }]);
    await letTimePass();
    await dispatcher().deliver();
    expect(await rows()).toMatchObject([{ status: 'sent' }]);
  });

  test('that was taken with the answer lost comes again under the same id, for the provider to drop', async () => {
    await emails.send('ann@example.com', NOTICE);
    provider.behave('take and break off');
    await dispatcher().deliver();
    await letTimePass();
    await dispatcher().deliver();
    expect(provider.calls).toHaveLength(2);
    expect(new Set(provider.calls.map(({ key }) => key)).size).toBe(1);
    expect(await rows()).toMatchObject([{ status: 'sent', attempts: 2 }]);
  });

  test('leaves once however many dispatchers look at the same time', async () => {
    for (let index = 0; index < 45; index += 1) await emails.send(`p${index}@example.com`, NOTICE);
    await Promise.all([dispatcher(), dispatcher(), dispatcher()].map((one) => one.deliver()));
    expect(provider.calls).toHaveLength(45);
    expect(new Set(provider.calls.map(({ key }) => key)).size).toBe(45);
    expect(new Set((await rows()).map(({ status }) => status))).toEqual(new Set(['sent']));
  });

  test('is given up after ten attempts', async () => {
    await emails.send('ann@example.com', NOTICE);
    for (let attempt = 1; attempt <= 11; attempt += 1) {
      provider.behave(503);
      await dispatcher().deliver();
      await letTimePass();
    }
    expect(provider.calls).toHaveLength(10);
    expect(await rows()).toEqual([{ status: 'failed', attempts: 10, sealed: false, reason: 'HTTP 503' }]);
  });

  test('whose tenth attempt died with its Worker is given up by the cleaning', async () => {
    await emails.send('ann@example.com', NOTICE);
    await system.db.execute(sql`update auth.emails set attempts = 10`);
    await dispatcher().cleanUp();
    expect(await rows()).toMatchObject([{ status: 'failed', sealed: false }]);
  });

  test('is deleted 30 days after it was sent, and not before', async () => {
    await emails.send('old@example.com', NOTICE);
    await emails.send('young@example.com', NOTICE);
    await dispatcher().deliver();
    await system.db.execute(sql`update auth.emails set sent_at = now() - interval '29 days'`);
    await system.db.execute(sql`update auth.emails set sent_at = now() - interval '31 days'
      where id = (select id from auth.emails order by id limit 1)`);
    await dispatcher().cleanUp();
    expect(await rows()).toHaveLength(1);
  });

  test('does not stand in the database in a form that can be read', async () => {
    await emails.send('canary@example.com', { template: 'reset-password', link: 'https://a.test/#secret' });
    const { rows: found } = await system.db.execute(sql`select to_jsonb(e)::text as row from auth.emails e`);
    expect(JSON.stringify(found)).not.toMatch(/canary|secret/);
  });

  test('sealed under a key that is missing from the configuration waits for it', async () => {
    await emails.send('ann@example.com', NOTICE);
    await dispatcher({ keys: `k2:${'B'.repeat(43)}` }).deliver();
    expect(await rows()).toMatchObject([{ status: 'pending', sealed: true }]);
    expect(provider.calls).toHaveLength(0);
  });
});

test('cron sends what is due', async () => {
  await emails.send('cron@example.com', NOTICE);
  await system.runCron();
  expect(system.emails.filter(({ to }) => to.includes('cron@example.com'))).toHaveLength(1);
});

const keyring = (keys = system.env.AUTH_ENCRYPTION_KEYS ?? '') => createKeyring(keyringSchema.parse(keys));

function dispatcher(options: { keys?: string } = {}): EmailDelivery {
  return createEmailDelivery({
    repository: createEmailRepository(system.db),
    keyring: keyring(options.keys),
    mailer: createHttpMailer({
      endpoint: provider.endpoint,
      apiKey: 'email-key',
      from: 'Us <us@api.test>',
      timeoutMs: 1_000,
    }),
    logger: createLogger('silent', {}),
  });
}

async function rows() {
  const found = await system.db.execute(
    sql`select status, attempts, sealed_message is not null as sealed, reason from auth.emails order by id`,
  );
  return found.rows;
}

/** Every pause between attempts is over. */
async function letTimePass(): Promise<void> {
  await system.db.execute(sql`update auth.emails set next_attempt_at = now() where status = 'pending'`);
}

async function startProvider(): Promise<Provider> {
  const calls: Provider['calls'] = [];
  let next: Behaviour[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { authorization = '', 'idempotency-key': key } = request.headers;
    calls.push({
      key: String(key),
      authorization,
      body: JSON.parse(Buffer.concat(chunks).toString() || '{}'),
    });
    const behaviour = next.shift() ?? 200;
    if (behaviour === 'hang') return;
    if (behaviour === 'take and break off') return void request.socket.destroy();
    const isRefusal = behaviour >= 400 && behaviour < 500;
    response.writeHead(behaviour, {
      'content-type': 'application/json',
      location: `http://127.0.0.1:${(server.address() as AddressInfo).port}/elsewhere`,
    });
    response.end(JSON.stringify(isRefusal ? { name: 'validation_error', message: 'x@y.z is bad' } : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/emails`,
    calls,
    behave: (...behaviours) => {
      next = [...behaviours];
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
