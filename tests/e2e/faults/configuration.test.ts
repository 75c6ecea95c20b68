import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { descendantsOf, endAll, type Launcher, launch } from '../harness/launcher.ts';
import { BUNDLE_DIR, makeTemporaryFolder } from '../harness/local-stack.ts';

let folder: string;
let started: Launcher[];

beforeEach(async () => {
  started = [];
  folder = await makeTemporaryFolder('configuration');
  await cp(BUNDLE_DIR, join(folder, 'bundles'), { recursive: true }).catch(() => undefined);
});

afterEach(async () => {
  for (const { process: child, ended } of started) {
    const left = child.exitCode === null ? await descendantsOf(child.pid ?? 0) : [];
    child.kill('SIGKILL');
    await ended;
    await endAll(left);
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

it.each([[[]], [['--monolith']]])(
  'npm start %s with a faulty environment ends, and lists every fault of every part at once',
  async (args) => {
    const env = {
      REGISTRATION: 'hunter2',
      ACCESS_TOKEN_SECONDS: 'hunter2',
      MAX_UPLOAD_BYTES: '-1',
      S3_REGION: '',
      AUDIT_RETENTION_DAYS: '400',
    };
    const launcher = launch({ dataDir: folder, port: await findFreePort(), args, env });
    started.push(launcher);
    expect(await launcher.ended).toBe(1);
    const output = launcher.output();
    expect(output).toContain('the environment has faults:');
    const list = output.slice(output.indexOf('the environment has faults'));
    expect(list).toMatch(/- REGISTRATION: .*\(auth\)/);
    expect(list).toMatch(/- ACCESS_TOKEN_SECONDS: .*\(auth\)/);
    expect(list).toMatch(/- MAX_UPLOAD_BYTES: .*\(storage\)/);
    expect(list).toMatch(/- S3_REGION: .*\(storage\)/);
    expect(output).not.toContain('hunter2');
    expect(output).not.toMatch(/^ready /m);
  },
);
