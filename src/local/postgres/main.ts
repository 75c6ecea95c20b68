import { z } from 'zod';
import { logLine, type RunningService, runLocalService } from '../process.ts';
import { startNeonFront } from './neon-front.ts';
import { createPgEngine } from './pg-engine.ts';
import { createPgliteEngine } from './pglite-engine.ts';
import type { SqlEngine } from './sql-engine.ts';

const environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  PG_USER: z.string().min(1),
  PG_PASSWORD: z.string().min(1),
  DATABASE_URL: z.string().optional(),
  DATA_DIR: z.string().optional(),
  PG_FSYNC: z.enum(['on', 'off']).default('on'),
  STATEMENT_TIMEOUT_MS: z.coerce.number().int().min(1).default(120_000),
});

await runLocalService({ name: 'postgres', start });

async function start(): Promise<RunningService> {
  const config = environment.parse(process.env);
  const engine = await createEngine(config);
  const front = await startNeonFront({
    engine,
    host: config.HOST,
    port: config.PORT,
    user: config.PG_USER,
    password: config.PG_PASSWORD,
  }).catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  return {
    port: front.port,
    async close() {
      await front.close();
      await engine.close();
    },
  };
}

async function createEngine(config: z.infer<typeof environment>): Promise<SqlEngine> {
  const statementTimeoutMs = config.STATEMENT_TIMEOUT_MS;
  if (config.DATABASE_URL) {
    logLine('postgres', 'using the PostgreSQL at DATABASE_URL');
    return createPgEngine({ databaseUrl: config.DATABASE_URL, statementTimeoutMs, maxConnections: 16 });
  }
  if (!config.DATA_DIR) throw new Error('DATA_DIR is not set: it is the folder that keeps the database');
  logLine('postgres', 'opening PGlite', { dataDir: config.DATA_DIR, fsync: config.PG_FSYNC });
  return createPgliteEngine({
    dataDir: config.DATA_DIR,
    fsync: config.PG_FSYNC === 'on',
    statementTimeoutMs,
    maxQueue: 1_000,
  });
}
