import { execFile, spawn } from 'node:child_process';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { descendantsOf, endAll, type ProcessEntry, stillRunning } from '../harness/launcher.ts';
import { BUNDLE_DIR, MODEL_CACHE_DIR, makeTemporaryFolder, ROOT } from '../harness/local-stack.ts';
import { until } from '../harness/until.ts';

/** The shell block that the README marks as its tour, for another port and data folder. */
async function tour(port: number, dataDir: string): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const block = /<!-- tour:[^>]*-->\n```bash\n([\s\S]*?)```/.exec(readme)?.[1];
  if (block === undefined) throw new Error('the README has no tour');
  return block
    .replace('127.0.0.1:8787', `127.0.0.1:${port}`)
    .replace('.data/demo.json', join(dataDir, 'demo.json'));
}

describe('what the README tells a new user to do', () => {
  let dataDir: string;
  let port: number;
  let family: ProcessEntry[] = [];
  let output = '';
  /** npm runs scripts through a shell that stays in between. */
  let shell: ReturnType<typeof spawn>;

  beforeAll(async () => {
    dataDir = await makeTemporaryFolder('readme');
    port = await findFreePort();
    await cp(BUNDLE_DIR, join(dataDir, 'bundles'), { recursive: true }).catch(() => undefined);
    shell = spawn('sh', ['-c', 'node src/local/bootstrap.mjs src/local/main.ts; true'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PORT: String(port),
        ACS_DATA_DIR: dataDir,
        MODEL_CACHE_DIR,
        npm_lifecycle_event: 'start',
      },
    });
    for (const stream of [shell.stdout, shell.stderr]) stream?.on('data', (data) => (output += String(data)));
    await until(
      async () => output,
      (text) => /^ready http/m.test(text) || shell.exitCode !== null,
      { withinMs: 300_000, what: 'npm start to be ready' },
    );
    family = await descendantsOf(shell.pid ?? 0);
  });

  afterAll(async () => {
    shell.kill('SIGKILL');
    await endAll(family);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });

  it('the tour works as it stands: a question in other words finds its document first', async () => {
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-euo', 'pipefail', '-c', await tour(port, dataDir)],
      {
        cwd: ROOT,
        timeout: 120_000,
      },
    );
    expect(stdout).toContain('fast-check-readme.md');
    expect(stdout).toContain('identical');
    expect(stdout).toContain('shared');
    expect(stdout).toContain('permission_denied');
  });

  it('a signal that ends only the shell of npm ends every process', async () => {
    expect(family.length).toBeGreaterThanOrEqual(6);
    shell.kill('SIGTERM');
    const running = await until(
      () => stillRunning(family),
      (entries) => entries.length === 0,
      { withinMs: 20_000, what: 'all processes to be gone' },
    );
    expect(running).toEqual([]);
  });
});
