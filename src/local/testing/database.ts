import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, type Database } from '../../core/database/client.ts';
import { migrate } from '../../core/database/migrate.ts';
import { readMigrations } from '../migrations.ts';
import { spawnService } from './spawn-service.ts';

export interface TestDatabase {
  db: Database;
  /** As DATABASE_URL and DATABASE_FETCH_ENDPOINT. */
  url: string;
  endpoint: string;
  close(): Promise<void>;
}

/** The local PostgreSQL with the product's schema, in a process of its own, on a folder that goes with it. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'acs-database-'));
  const service = await spawnService(new URL('../postgres/main.ts', import.meta.url), {
    DATA_DIR: dataDir,
    PG_USER: 'acs',
    PG_PASSWORD: 'secret',
    PG_FSYNC: 'off',
  });
  const url = 'postgresql://acs:secret@localhost/acs';
  const endpoint = `${service.url}/sql`;
  await migrate(url, await readMigrations(), endpoint);
  return {
    url,
    endpoint,
    db: createDatabase({ DATABASE_URL: url, DATABASE_FETCH_ENDPOINT: endpoint }),
    async close() {
      await service.stop('SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
