import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

test('a new account is signed in', async () => {
  const account = await system.register();
  const me = await account.call('GET', '/v1/auth/me');
  expect(me).toMatchObject({ status: 200, body: { id: account.id, email: account.email, role: 'member' } });
});
