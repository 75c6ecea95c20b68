import { neon, neonConfig } from '@neondatabase/serverless';
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http';
import { createDependency } from '../resilience/dependency.ts';

export type Database = NeonHttpDatabase;

export interface DatabaseConfig {
  readonly DATABASE_URL: string;
  readonly DATABASE_FETCH_ENDPOINT?: string | undefined;
}

const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * PostgreSQL over Neon's HTTP endpoint: one request is one statement, or one transaction when it is a batch.
 * A statement is never retried here, because an answer can be lost after its effect.
 */
export function createDatabase(config: DatabaseConfig): Database {
  const postgres = createDependency('postgres', { timeoutMs: STATEMENT_TIMEOUT_MS });
  // The driver keeps these globally; a Worker has one database, so the last writer is the only writer.
  if (config.DATABASE_FETCH_ENDPOINT) neonConfig.fetchEndpoint = config.DATABASE_FETCH_ENDPOINT;
  neonConfig.fetchFunction = (url: string, init: RequestInit) =>
    postgres.fetch(url, init, { wholeAnswer: true });
  return drizzle({ client: neon(config.DATABASE_URL) });
}
