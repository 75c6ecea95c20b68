import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { startComposeServices } from './compose-services.ts';
import { startNativeServices } from './native-services.ts';

// `npm run test:services [-- [--compose] [ARGUMENT OF VITEST…]]`: tests against real services, which it fetches,
// starts and stops (docs/testing.md).

const ROOT = join(import.meta.dirname, '../..');
const VITEST = join(ROOT, 'node_modules/.bin/vitest');

const args = process.argv.slice(2);
const isCompose = args.includes('--compose');
const project = args.includes('--project') ? [] : ['--project', 'e2e-split'];
// A folder named otherwise is for tools that are kept when the tree is thrown away.
const toolsDir = resolve(ROOT, process.env.TEST_TOOLS_DIR ?? '.data/tools');

console.log(isCompose ? 'starting docker-compose.test.yml' : `real services, from ${toolsDir}`);
try {
  const services = await (isCompose ? startComposeServices() : startNativeServices(toolsDir));
  try {
    for (const version of services.versions) console.log(`  ${version}`);
    process.exitCode = await runTests(services.env);
  } finally {
    await services.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Its exit code. A signal ends the tests, and by that what they ran against. */
function runTests(env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(VITEST, ['run', ...project, ...args.filter((arg) => arg !== '--compose')], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((finish) => {
    child.once('error', (error) => {
      console.error(error.message);
      finish(1);
    });
    child.once('exit', (code) => finish(code ?? 1));
  });
}
