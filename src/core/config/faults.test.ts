import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createGateway } from '../../gateway/app.ts';
import { createAiModule } from '../../modules/ai/routes.ts';
import { createAuthModule } from '../../modules/auth/routes.ts';
import type { EdgeModule } from '../http/edge-module.ts';

const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
const modules: [string, () => EdgeModule, string][] = [
  ['auth', createAuthModule, '/v1/auth/login'],
  ['ai', createAiModule, '/v1/search?q=x'],
  ['gateway', createGateway, '/v1/files'],
];

let log: Record<string, unknown>[];
beforeEach(() => {
  log = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void log.push(JSON.parse(String(line))));
});
afterEach(() => vi.restoreAllMocks());

describe.each(modules)('%s with a faulty environment', (name, create, path) => {
  const env = { DATABASE_URL: 'hunter2', LOG_LEVEL: 'loud', ENVIRONMENT: 'production' };
  const ask = (module: EdgeModule, at = path) =>
    module.fetch(
      new Request(`http://module${at}`, { method: at === '/v1/auth/login' ? 'POST' : 'GET' }),
      env,
      context,
    );

  test('answers every request with 503 misconfigured, and logs all faults in one line once', async () => {
    const module = create();
    const environment = { ...env };
    for (let request = 0; request < 3; request += 1) {
      const method = path === '/v1/auth/login' ? 'POST' : 'GET';
      const answer = await module.fetch(
        new Request(`http://module${path}`, { method }),
        environment,
        context,
      );
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '60']);
      const body = await answer.text();
      expect(JSON.parse(body)).toMatchObject({ code: 'misconfigured' });
      expect(body).not.toMatch(/LOG_LEVEL|DATABASE_URL|hunter2|loud/);
    }
    const errors = log.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([{ message: 'misconfigured', component: name }]);
    const faults = String(errors[0]?.faults).split('; ');
    expect(faults.length).toBeGreaterThan(1);
    expect(faults.map((fault) => fault.split(':')[0])).toContain('LOG_LEVEL');
    expect(JSON.stringify(log)).not.toMatch(/hunter2|loud/);
  });

  test('is not ready', async () => {
    expect((await ask(create(), '/readyz')).status).toBe(503);
  });
});

describe('readiness of the whole', () => {
  const bind = (module: EdgeModule, env: object) => ({
    fetch: async (request: Request) => module.fetch(request, env, context),
  });
  const readiness = async (environment: string, own: object = {}) => {
    const env = { ENVIRONMENT: environment, LOG_LEVEL: 'silent', REGISTRATION: 'hunter2' };
    const AUTH = bind(createAuthModule(), env);
    const STORAGE = { fetch: async () => Response.json({ status: 'ready' }) };
    const AI = { fetch: async () => Promise.reject(new Error('down')) };
    const gateway = { ...env, AUTH, STORAGE, AI, ...own };
    const answer = await createGateway().fetch(new Request('http://gateway/readyz'), gateway, context);
    return { status: answer.status, body: await answer.json() };
  };

  test('says whose environment is faulty, and on the own machine what about it', async () => {
    const local = await readiness('local');
    expect(local).toMatchObject({
      status: 503,
      body: { modules: { auth: 'misconfigured', storage: 'ready', ai: 'unavailable' } },
    });
    const text = JSON.stringify(local.body);
    for (const name of ['REGISTRATION', 'DATABASE_URL', 'AUTH_ENCRYPTION_KEYS', 'EMAIL_ENDPOINT'])
      expect(text).toContain(name);
    expect(text).not.toContain('hunter2');
  });

  test('does not tell the world which variables are wrong', async () => {
    for (const environment of ['production', 'staging', 'dev', 'nonsense'])
      expect((await readiness(environment)).body).not.toHaveProperty('faults');
  });

  test('includes the faults of the gateway itself', async () => {
    const { body } = await readiness('local', { LOG_LEVEL: 'loud' });
    expect(body).toMatchObject({
      modules: { gateway: 'misconfigured', auth: 'misconfigured' },
      faults: { gateway: [expect.stringContaining('LOG_LEVEL')] },
    });
  });
});
