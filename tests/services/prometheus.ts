import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { findFreePort } from '../../src/local/testing/free-port.ts';
import { newAccount } from '../e2e/harness/accounts.ts';
import { createClient } from '../e2e/harness/client.ts';
import { makeTemporaryFolder, ROOT, startTestStack } from '../e2e/harness/local-stack.ts';
import { until } from '../e2e/harness/until.ts';
import { fetchPrometheus } from './fetch-tools.ts';
import { startNative } from './native-process.ts';
import { run } from './run.ts';

// `npm run test:prometheus`: the real Prometheus of Debian checks our rules, reads a running system with the
// configuration in docs/prometheus, and answers how often it was called.

const CALLS = 7;
const TOOL_MS = 60_000;
const resultSchema = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

const bin = await fetchPrometheus(resolve(ROOT, process.env.TEST_TOOLS_DIR ?? '.data/tools'));
const rules = join(ROOT, 'docs/prometheus');
for (const [command, file] of [
  ['check', 'rules.yml'],
  ['test', 'rules.test.yml'],
] as const)
  console.log(await run(join(bin, 'promtool'), [command, 'rules', file], { cwd: rules, timeoutMs: TOOL_MS }));

const stops: (() => Promise<void>)[] = [];
const system = await startTestStack({ composition: 'split' });
const folder = await makeTemporaryFolder('prometheus');
try {
  const { url, secrets } = system.stack;
  const { api } = await newAccount(createClient(url));
  for (let call = 0; call < CALLS; call += 1) await api.call('GET', '/v1/auth/me');
  await checkScrape(url, secrets.metricsToken);
  const port = await startPrometheus(url, secrets.metricsToken);
  const query = 'acs_http_requests_total{module="auth",route="/v1/auth/me",status="200"}';
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`);
    return resultSchema.parse(await answer.json()).data.result[0]?.value[1];
  };
  await until(ask, (count) => count === String(CALLS), {
    withinMs: 60_000,
    what: `Prometheus to have counted ${CALLS} calls`,
  });
  console.log(`Prometheus has counted the ${CALLS} calls that were made`);
} finally {
  for (const stop of stops) await stop();
  await system.dispose();
  await rm(folder, { recursive: true, force: true });
}

/** @throws Error with what promtool does not like about the names, types and help of our metrics */
async function checkScrape(url: string, token: string): Promise<void> {
  const answer = await fetch(new URL('/metrics', url), { headers: { authorization: `Bearer ${token}` } });
  const check = spawn(join(bin, 'promtool'), ['check', 'metrics'], { stdio: ['pipe', 'inherit', 'inherit'] });
  check.stdin.end(await answer.text());
  const [code] = await once(check, 'close');
  if (code !== 0) throw new Error(`promtool check metrics ended with ${code}`);
  console.log('promtool check metrics: no complaint');
}

async function startPrometheus(url: string, token: string): Promise<number> {
  await cp(rules, folder, { recursive: true });
  const config = await readFile(join(folder, 'prometheus.yml'), 'utf8');
  const { host } = new URL(url);
  await writeFile(
    join(folder, 'prometheus.yml'),
    config.replace('127.0.0.1:8787', host).replaceAll('15s', '1s'),
  );
  await writeFile(join(folder, 'metrics-token'), token, { mode: 0o600 });
  const port = await findFreePort();
  const server = await startNative({
    name: 'prometheus',
    command: join(bin, 'prometheus'),
    args: [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    stopSignal: 'SIGTERM',
    probe: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`);
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
    },
  });
  stops.push(() => server.stop());
  return port;
}
