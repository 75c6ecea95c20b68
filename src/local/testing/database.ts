import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase, type Database } from '../../core/database/client.ts';
import { migrate } from '../../core/database/migrate.ts';
import { readMigrations } from '../migrations.ts';
import { copyTemplate } from './database-template.ts';
import { spawnService } from './spawn-service.ts';

export interface TestDatabase {
  db: Database;
  /** As DATABASE_URL and DATABASE_FETCH_ENDPOINT. */
  url: string;
  endpoint: string;
  close(): Promise<void>;
}

/** Where the tables are, for the service in front of them. */
interface Home {
  readonly env: Record<string, string>;
  remove(): Promise<void>;
}

/**
 * The local PostgreSQL with the product's schema, in a process of its own, on a folder that goes with it; or with
 * TEST_DATABASE_URL a new database on that server, where transactions really run at the same time.
 */
export async function startTestDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL;
  const home = await (server ? databaseOn(server) : folder());
  const { service, endpoint } = await startService(home.env);
  return {
    url: URL_OF_FRONT,
    endpoint,
    db: createDatabase({ DATABASE_URL: URL_OF_FRONT, DATABASE_FETCH_ENDPOINT: endpoint }),
    async close() {
      await service.stop('SIGKILL');
      await home.remove();
    },
  };
}

const URL_OF_FRONT = 'postgresql://acs:secret@localhost/acs';

async function startService(env: Record<string, string>) {
  const service = await spawnService(new URL('../postgres/main.ts', import.meta.url), {
    PG_USER: 'acs',
    PG_PASSWORD: 'secret',
    ...env,
  });
  const endpoint = `${service.url}/sql`;
  await migrate(URL_OF_FRONT, await readMigrations(), endpoint);
  return { service, endpoint };
}

async function folder(): Promise<Home> {
  const dataDir = await mkdtemp(join(tmpdir(), 'acs-database-'));
  await copyTemplate(dataDir, async (template) => {
    const { service } = await startService({ DATA_DIR: template, PG_FSYNC: 'off' });
    await service.stop('SIGTERM');
  });
  return {
    env: { DATA_DIR: dataDir, PG_FSYNC: 'off' },
    remove: () => rm(dataDir, { recursive: true, force: true }),
  };
}

async function databaseOn(server: string): Promise<Home> {
  const name = `acs_test_${crypto.randomUUID().replaceAll('-', '')}`;
  const own = new URL(server);
  own.pathname = `/${name}`;
  await runOn(server, `create database ${name}`);
  return {
    env: { DATABASE_URL: own.href },
    remove: () => runOn(server, `drop database ${name} with (force)`),
  };
}

async function runOn(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
