import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neon, neonConfig } from '@neondatabase/serverless';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCodeOf, type SpawnedService, spawnService } from '../testing/spawn-service.ts';

const main = new URL('./main.ts', import.meta.url);
const sql = neon('postgresql://acs:secret@localhost/acs');
let dataDir: string;
let services: SpawnedService[];

const start = async (): Promise<SpawnedService> => {
  const service = await spawnService(main, { DATA_DIR: dataDir, PG_USER: 'acs', PG_PASSWORD: 'secret' });
  services.push(service);
  neonConfig.fetchEndpoint = `${service.url}/sql`;
  return service;
};

beforeEach(async () => {
  services = [];
  dataDir = await mkdtemp(join(tmpdir(), 'acs-postgres-'));
});
afterEach(async () => {
  for (const service of services) await service.stop('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

test('what was acknowledged is there after SIGKILL in the middle of writing', async () => {
  const first = await start();
  await sql`create table kept (id int primary key)`;
  const acknowledged: number[] = [];
  const writing = (async () => {
    for (let id = 0; ; id++) {
      await sql`insert into kept values (${id})`;
      acknowledged.push(id);
      if (id === 200) first.process.kill('SIGKILL');
    }
  })();
  await expect(writing).rejects.toThrow();
  await first.stop('SIGKILL');
  await start();
  const rows = await sql`select id from kept order by id`;
  expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining(acknowledged));
  expect(rows.length - acknowledged.length).toBeLessThanOrEqual(1);
});

test('SIGTERM lets a running query end, exits 0, and the data is there afterwards', async () => {
  const first = await start();
  await sql`create table kept as select 1 as id`;
  const slow = sql`insert into kept select max(n) from generate_series(1, 1000000) n returning id`.then(
    (rows) => rows,
  );
  // The driver sends only when it is asked for the result, above; this round trip lets it get there first.
  await fetch(`${first.url}/elsewhere`);
  const stopped = first.stop('SIGTERM');
  expect(await slow).toEqual([{ id: 1000000 }]);
  expect(await stopped).toBe(0);
  await start();
  expect(await sql`select id from kept order by id`).toEqual([{ id: 1 }, { id: 1000000 }]);
});

test('a second process on the same folder stops with its own exit code and leaves the first alone', async () => {
  await start();
  expect(await exitCodeOf(main, { DATA_DIR: dataDir, PG_USER: 'acs', PG_PASSWORD: 'secret' })).toBe(3);
  expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
});

test('it ends when the process that started it is gone', async () => {
  const service = await start();
  service.process.stdin?.end();
  expect(await service.stop('SIGCONT')).toBe(0);
});
