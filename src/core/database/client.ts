import { neon, neonConfig } from '@neondatabase/serverless';
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http';
import { createDependency, DependencyError } from '../resilience/dependency.ts';

export type Database = NeonHttpDatabase;

export interface DatabaseConfig {
  readonly DATABASE_URL: string;
  readonly DATABASE_FETCH_ENDPOINT?: string | undefined;
}

const STATEMENT_TIMEOUT_MS = 15_000;
const ATTEMPTS = 4;

/**
 * PostgreSQL over Neon's HTTP endpoint: one request is one statement, or one transaction when it is a batch.
 * Nothing is sent again because an answer was lost, for the effect may be there; only what the server says that it
 * rolled back for another transaction's sake (SQLSTATE 40P01 and 40001) is.
 */
export function createDatabase(config: DatabaseConfig): Database {
  const postgres = createDependency('postgres', { timeoutMs: STATEMENT_TIMEOUT_MS });
  // The driver keeps these globally; a Worker has one database, so the last writer is the only writer.
  if (config.DATABASE_FETCH_ENDPOINT) neonConfig.fetchEndpoint = config.DATABASE_FETCH_ENDPOINT;
  neonConfig.fetchFunction = async (url: string, init: RequestInit) => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await postgres.fetch(url, init, { wholeAnswer: true });
      if (answer.ok) return parsed(await answer.text());
      if (attempt === ATTEMPTS || !(await wasRolledBack(answer.clone()))) return answer;
    }
  };
  return drizzle({ client: neon(config.DATABASE_URL) });
}

/**
 * An answer as the driver reads it. What is not PostgreSQL's must not be taken for a fault of ours.
 * @throws DependencyError
 */
function parsed(text: string) {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && ('rows' in body || 'results' in body))
      return { ok: true, status: 200, json: async () => body, text: async () => text };
  } catch {
    // Said below.
  }
  throw new DependencyError('postgres', 'answered with something else than rows');
}

async function wasRolledBack(answer: Response): Promise<boolean> {
  return /"code":\s*"40(P01|001)"/.test(await answer.text());
}
