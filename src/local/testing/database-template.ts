import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const WAIT_MS = 60_000;
const POLL_MS = 100;

/**
 * Set-up of the unit tests: names a folder in which the first test that needs a database leaves one with the product's
 * schema, for the others to copy. To make one anew takes four seconds, to copy it half a second. A folder that is named
 * already is somebody else's, who runs tests more often than once.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.TEST_DATABASE_TEMPLATE !== undefined) return async () => undefined;
  const folder = await mkdtemp(join(tmpdir(), 'acs-database-template-'));
  process.env.TEST_DATABASE_TEMPLATE = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/**
 * Fills `dataDir` with a copy of the template, which is made with `make` if this is the first time.
 * @returns false when there is no template, and none can be had
 */
export async function copyTemplate(
  dataDir: string,
  make: (dataDir: string) => Promise<void>,
): Promise<boolean> {
  const folder = process.env.TEST_DATABASE_TEMPLATE;
  if (folder === undefined) return false;
  const template = join(folder, 'data');
  const ready = join(folder, 'ready');
  const isOurs = await mkdir(join(folder, 'lock')).then(
    () => true,
    () => false,
  );
  if (isOurs) {
    await make(template);
    await writeFile(ready, '');
  }
  const until = Date.now() + WAIT_MS;
  while (!(await exists(ready))) {
    if (Date.now() > until) return false;
    await sleep(POLL_MS);
  }
  await cp(template, dataDir, { recursive: true });
  return true;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
