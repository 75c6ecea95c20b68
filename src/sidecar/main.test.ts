import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
let cache: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'acs-sidecar-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));
afterEach(() => {
  child?.kill('SIGKILL');
});

/** A sidecar process without any model to find. */
function start(env: Record<string, string> = {}) {
  const started = spawn(process.execPath, [main], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      SERVICE_TOKEN_SECRET: 'a secret of the test that is long enough',
      S3_ENDPOINT: 'http://127.0.0.1:9000',
      MODEL_SOURCES: 'local',
      MODEL_CACHE_DIR: cache,
      ...env,
    },
  });
  child = started;
  const output = { out: '', err: '' };
  started.stdout.on('data', (data) => {
    output.out += data;
  });
  started.stderr.on('data', (data) => {
    output.err += data;
  });
  return { started, output };
}

async function startReady(env?: Record<string, string>) {
  const { started, output } = start(env);
  await once(started.stdout, 'data');
  const ready: unknown = JSON.parse(output.out);
  expect(ready).toEqual({ ready: true, port: expect.any(Number) });
  const port = typeof ready === 'object' && ready !== null && 'port' in ready ? ready.port : 0;
  return { started, output, url: `http://127.0.0.1:${port}` };
}

describe('the sidecar process', () => {
  it('says one line on stdout, is ready without a model, and ends with 0 on SIGTERM', async () => {
    const { started, output, url } = await startReady();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const readiness = await fetch(`${url}/readyz`);
    expect(readiness.status).toBe(200);
    expect(await readiness.json()).toMatchObject({ status: 'degraded' });
    started.kill('SIGTERM');
    expect(await once(started, 'exit')).toEqual([0, null]);
    expect(output.out.trim().split('\n')).toHaveLength(1);
  });

  it('ends when its parent is gone', async () => {
    const { started } = await startReady({ EXIT_WITH_PARENT: '1' });
    started.stdin.end();
    expect(await once(started, 'exit')).toEqual([0, null]);
  });

  it('names every fault of its environment at once', async () => {
    const { started, output } = start({ SERVICE_TOKEN_SECRET: 'short', S3_ENDPOINT: 'nowhere', PORT: 'x' });
    expect(await once(started, 'close')).toEqual([1, null]);
    for (const name of ['SERVICE_TOKEN_SECRET', 'S3_ENDPOINT', 'PORT']) expect(output.err).toContain(name);
    expect(output.err).not.toContain('short');
  });
});
