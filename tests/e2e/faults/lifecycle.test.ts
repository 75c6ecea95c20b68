import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { newAccount } from '../harness/accounts.ts';
import { bodyOf, createClient } from '../harness/client.ts';
import { analysed, download, upload } from '../harness/files.ts';
import {
  descendantsOf,
  endAll,
  type Launcher,
  type LauncherOptions,
  launch,
  type ProcessEntry,
  readyUrl,
  stillRunning,
} from '../harness/launcher.ts';
import { BUNDLE_DIR, makeTemporaryFolder } from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';
import { until } from '../harness/until.ts';
import { tokensSchema } from '../harness/wire.ts';

describe('npm start', () => {
  let folder: string;
  let started: Launcher[];
  /** Processes that may outlive their launcher. */
  let left: ProcessEntry[];

  beforeEach(async () => {
    started = [];
    left = [];
    folder = await makeTemporaryFolder('launcher');
    // Building them again is tested elsewhere; without any, they are built.
    await cp(BUNDLE_DIR, join(folder, 'bundles'), { recursive: true }).catch(() => undefined);
  });

  afterEach(async () => {
    for (const { process: child, ended } of started) {
      if (child.exitCode === null) left.push(...(await descendantsOf(child.pid ?? 0)));
      child.kill('SIGKILL');
      await ended;
    }
    await endAll(left);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const start = (options: Partial<LauncherOptions> & { port: number }) => {
    const launcher = launch({ dataDir: folder, ...options });
    started.push(launcher);
    return launcher;
  };

  const stop = async (launcher: Launcher) => {
    const family = await descendantsOf(launcher.process.pid ?? 0);
    // Database, Redis, S3, sidecar and workerd at least.
    expect(family.length).toBeGreaterThanOrEqual(5);
    launcher.process.kill('SIGTERM');
    expect(await launcher.ended).toBe(0);
    await until(
      () => stillRunning(family),
      (running) => running.length === 0,
      { withinMs: 5_000, what: 'all its processes to be gone' },
    );
  };

  it('keeps its data from one run to the next, in whichever composition, and leaves no process behind', async () => {
    const port = await findFreePort();
    const split = start({ port });
    const url = await readyUrl(split);
    expect(url).toBe(`http://127.0.0.1:${port}`);
    const api = createClient(url);
    const { email, password, api: mine } = await newAccount(api);
    const file = await upload(mine, 'diary.txt', 'The cat of the neighbours slept in the wheelbarrow.');
    const isReady = (await analysed(mine, file.id)).status === 'ready';
    await stop(split);

    const monolith = start({ port, args: ['--monolith'] });
    await readyUrl(monolith);
    const login = await api.call('POST', '/v1/auth/login', { json: { email, password } });
    const again = api.as(bodyOf(login, 200, tokensSchema).accessToken);
    expect(new TextDecoder().decode(await download(again, file.id))).toContain('wheelbarrow');
    if (isReady)
      expect(namesFound(await search(again, 'a pet that rests in the garden'))).toEqual(['diary.txt']);
    await stop(monolith);
  });

  it('refuses a data folder in use and a port that is taken, in plain words', async () => {
    const port = await findFreePort();
    await readyUrl(start({ port }));

    const sameFolder = start({ port: await findFreePort() });
    expect(await sameFolder.ended).toBe(1);
    expect(sameFolder.output()).toContain(folder);
    expect(sameFolder.output()).toMatch(/in use by process \d+/);

    const elsewhere = await makeTemporaryFolder('launcher-second');
    const samePort = start({ port, dataDir: elsewhere });
    expect(await samePort.ended).toBe(1);
    expect(samePort.output()).toContain(`port ${port} is taken`);
    await rm(elsewhere, { recursive: true, force: true });

    for (const { output } of [sameFolder, samePort])
      expect(output()).not.toMatch(/\n\s+at |Error:|node:internal/);
  });

  it('refuses a port that is none', async () => {
    const launcher = launch({ dataDir: folder, port: Number.NaN });
    started.push(launcher);
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain('PORT must be a number');
  });

  it('starts again after it was killed, with all that was stored', async () => {
    const killed = start({ port: await findFreePort() });
    const before = createClient(await readyUrl(killed));
    const { email, password, api: mine } = await newAccount(before);
    const file = await upload(mine, 'diary.txt', 'written before the crash');
    const family = await descendantsOf(killed.process.pid ?? 0);
    left.push(...family);
    killed.process.kill('SIGKILL');
    // The services see their parent go and close their data; auth's workerd and that of the others do not notice.
    await until(
      () => stillRunning(family),
      (running) => running.length <= 2,
      { withinMs: 20_000, what: 'the services of a killed launcher to end' },
    );

    const api = createClient(await readyUrl(start({ port: await findFreePort() })));
    const login = await api.call('POST', '/v1/auth/login', { json: { email, password } });
    const again = api.as(bodyOf(login, 200, tokensSchema).accessToken);
    expect(new TextDecoder().decode(await download(again, file.id))).toBe('written before the crash');
  });
});
