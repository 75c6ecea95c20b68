import { describe, expect, test } from 'vitest';
import { ConfigError } from '../config/config.ts';
import { type CoreVariables, createHttpApp } from './app.ts';
import { type DependencyChecks, mountReadiness } from './health.ts';

const up = async () => {};
const away = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7'));
const hangs = () => new Promise<never>(() => {});

function createModule(checks: DependencyChecks) {
  const app = createHttpApp<CoreVariables>('test');
  mountReadiness(app, () => checks);
  const env = { LOG_LEVEL: 'silent' };
  return async () => {
    const answer = await app.request('/readyz', {}, env);
    return {
      status: answer.status,
      body: await answer.json(),
      retryAfter: answer.headers.get('retry-after'),
    };
  };
}

describe('a module', () => {
  test('is ready while all that it stands on is there', async () => {
    const ask = createModule({
      postgres: { isRequired: true, ask: up },
      redis: { isRequired: false, ask: up },
    });
    expect(await ask()).toMatchObject({
      status: 200,
      body: { status: 'ready', dependencies: { postgres: { state: 'up' }, redis: { state: 'up' } } },
    });
  });

  test('is degraded, and goes on, without what it can do without', async () => {
    const ask = createModule({
      postgres: { isRequired: true, ask: up },
      redis: { isRequired: false, ask: away },
    });
    expect(await ask()).toMatchObject({
      status: 200,
      body: { status: 'degraded', dependencies: { redis: { state: 'down', required: false } } },
    });
  });

  test('is unavailable without what it needs, and does not tell where that was', async () => {
    const ask = createModule({ postgres: { isRequired: true, ask: away } });
    const answer = await ask();
    expect(answer).toMatchObject({ status: 503, retryAfter: '5', body: { status: 'unavailable' } });
    expect(JSON.stringify(answer.body)).not.toContain('10.0.0.7');
  });

  test('does not wait for what hangs', async () => {
    const ask = createModule({
      postgres: { isRequired: true, ask: up },
      s3: { isRequired: true, ask: hangs },
    });
    expect(await ask()).toMatchObject({
      status: 503,
      body: { dependencies: { postgres: { state: 'up' }, s3: { state: 'down' } } },
    });
  });

  test('says what is wrong with what it was given', async () => {
    const ask = createModule({
      postgres: { isRequired: true, ask: () => Promise.reject(new ConfigError('database', ['too old'])) },
    });
    expect(await ask()).toMatchObject({
      status: 503,
      retryAfter: '60',
      body: { status: 'misconfigured', faults: ['too old'] },
    });
  });

  test('asks its dependencies once however many ask it at the same time', async () => {
    let asked = 0;
    const ask = createModule({
      postgres: {
        isRequired: true,
        ask: async () => {
          asked += 1;
        },
      },
    });
    await ask();
    await Promise.all([ask(), ask(), ask()]);
    expect(asked).toBe(1);
  });
});
