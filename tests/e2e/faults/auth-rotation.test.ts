import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { URI } from 'otpauth';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildBundles } from '../../../src/local/bundles.ts';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { startWorkers, type Workers } from '../../../src/local/workers.ts';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from '../harness/client.ts';
import { query } from '../harness/database.ts';
import { describeInstallation, type Installation } from '../harness/global-setup.ts';
import { BUNDLE_DIR, startTestStack, type TestStack } from '../harness/local-stack.ts';
import { newPrincipal } from '../harness/principals.ts';
import { until } from '../harness/until.ts';
import { mfaChallengeSchema, tokensSchema } from '../harness/wire.ts';

const DOORS = ['/v1/auth/me', '/v1/files', '/v1/search?q=anything'];
const CLIENTS = 4;

let system: TestStack;
let installation: Installation;
let api: Client;

beforeAll(async () => {
  system = await startTestStack({ composition: 'monolith', bindings: { RATE_LIMIT_SCALE: '100' } });
  installation = await describeInstallation(system, 'monolith');
  api = createClient(installation.url);
});
afterAll(async () => {
  await system?.dispose();
});

/** People who refresh and work all the time, each time at another instance, until `stop`. Returns what went wrong. */
function load(accounts: readonly Account[], instances: () => readonly Client[]) {
  const wrong: string[] = [];
  const kids = new Set<string>();
  let calls = 0;
  let isRunning = true;
  const work = async ({ tokens: first }: Account, index: number) => {
    let { accessToken, refreshToken } = first;
    for (let turn = index; isRunning; turn += 1) {
      const at = instances();
      const instance = at[turn % at.length] ?? api;
      for (const door of DOORS) {
        const answer = await instance.as(accessToken).call('GET', door);
        calls += 1;
        if (answer.status !== 200) wrong.push(`${door}: ${refusal(answer)}`);
      }
      const answer = await instance.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
      calls += 1;
      if (answer.status !== 200) {
        wrong.push(`refresh: ${refusal(answer)}`);
        continue;
      }
      ({ accessToken, refreshToken } = bodyOf(answer, 200, tokensSchema));
      kids.add(decodeProtectedHeader(accessToken).kid ?? '');
    }
  };
  const workers = accounts.map(work);
  return {
    kids,
    async stop() {
      isRunning = false;
      await Promise.all(workers);
      return { wrong, calls };
    },
  };
}

const people = async () => {
  const made: Account[] = [];
  for (let count = 0; count < CLIENTS; count += 1) made.push(await newAccount(api));
  return made;
};

// F29, S22
describe('the signing keys, rotated under load', () => {
  it('cost no request: the old one is taken while it lasts, the new one as soon as it signs', async () => {
    const accounts = await people();
    const admin = api.as((await newPrincipal(installation, { role: 'admin' })).token);
    const running = load(accounts, () => [api]);
    await until(
      async () => running.kids.size,
      (size) => size === 1,
      { withinMs: 30_000, what: 'the first key to sign' },
    );
    for (let rotation = 1; rotation <= 3; rotation += 1) {
      const before = running.kids.size;
      expect((await admin.call('POST', '/v1/admin/signing-keys/rotate')).status).toBe(200);
      // Verifiers look for unknown keys at once; ten minutes of waiting are for those that do not.
      await sleep(1_500);
      await query(
        installation,
        `update auth.signing_keys set signs_from = now() where signs_from > now() and retires_at is null`,
      );
      await until(
        async () => running.kids.size,
        (size) => size > before,
        { withinMs: 30_000, what: 'the new key to sign' },
      );
      await sleep(500);
    }
    const { wrong, calls } = await running.stop();
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(100);
    expect(running.kids.size).toBeGreaterThanOrEqual(4);
  });
});

// F29 (docs/secrets.md, `AUTH_ENCRYPTION_KEYS`)
describe('the keyring, rotated under load', () => {
  const started: Workers[] = [];
  afterEach(async () => {
    for (const workers of started.splice(0)) await workers.close();
  });

  /** Another instance of the same deployment, with this keyring. */
  async function instance(keyring: string): Promise<{ client: Client; workers: Workers }> {
    const bundles = await buildBundles({ names: ['monolith'], outDir: BUNDLE_DIR, log: () => {} });
    const workers = await startWorkers({
      composition: 'monolith',
      bundles,
      host: '127.0.0.1',
      port: await findFreePort(),
      bindings: { ...system.stack.bindings, AUTH_ENCRYPTION_KEYS: keyring },
      logFile: join(system.logFile, '..', 'second.log'),
    });
    started.push(workers);
    return { client: createClient(workers.url.origin), workers };
  }

  it('costs no request while old and new instances run side by side, and lets the old key go', async () => {
    const old = system.stack.bindings.AUTH_ENCRYPTION_KEYS ?? '';
    const fresh = `k2:${randomBytes(32).toString('base64url')}`;
    const owner = await newAccount(api);
    const begun = await owner.api.call('POST', '/v1/auth/mfa/totp');
    const app = URI.parse(JSON.parse(new TextDecoder().decode(begun.bytes)).otpauthUri);
    if (!('period' in app)) throw new Error('the address is not one of a TOTP');
    const json = { code: app.generate() };
    expect((await owner.api.call('POST', '/v1/auth/mfa/totp/confirm', { json })).status).toBe(200);

    let instances = [api];
    const running = load(await people(), () => instances);
    const everybodyKnows = await instance(`${old},${fresh}`);
    instances = [api, everybodyKnows.client];
    await sleep(1_500);
    instances = [everybodyKnows.client];
    await sleep(500);
    const sealsAnew = await instance(`${fresh},${old}`);
    instances = [everybodyKnows.client, sealsAnew.client];
    await sleep(1_500);
    instances = [sealsAnew.client];
    await until(
      async () => {
        await sealsAnew.workers.runCron();
        const rows = await query(
          installation,
          `select 1 from auth.signing_keys where not starts_with(sealed_key, 'v1.k2.') and revoked_at is null
             and (retires_at is null or retires_at > now())
           union all select 1 from auth.totp_credentials where not starts_with(sealed_secret, 'v1.k2.')
           union all select 1 from auth.emails where not starts_with(sealed_message, 'v1.k2.') and status = 'pending'`,
        );
        return rows.length;
      },
      (left) => left === 0,
      { withinMs: 30_000, what: 'everything to be sealed anew' },
    );
    const onlyNew = await instance(fresh);
    // Successors of refresh tokens that the old key computed have been asked for by now.
    instances = [sealsAnew.client, onlyNew.client];
    await sleep(1_500);
    const { wrong, calls } = await running.stop();
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(100);

    await query(installation, 'update auth.totp_credentials set last_step = 0');
    const { email, password } = owner;
    const login = await onlyNew.client.call('POST', '/v1/auth/login', { json: { email, password } });
    const { mfaToken } = bodyOf(login, 202, mfaChallengeSchema);
    const verified = await onlyNew.client.call('POST', '/v1/auth/mfa/verify', {
      json: { mfaToken, code: app.generate() },
    });
    bodyOf(verified, 200, tokensSchema);
  });
});
