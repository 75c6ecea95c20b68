import { NeonDbError } from '@neondatabase/serverless';
import { DependencyError } from '../resilience/dependency.ts';

/** The PostgreSQL error inside whatever the driver or Drizzle wrapped around it. */
function databaseError(thrown: unknown): NeonDbError | undefined {
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if (current instanceof NeonDbError) return current;
    current = current.cause;
  }
  return undefined;
}

/** True when the statement broke the named unique index or constraint (SQLSTATE 23505). */
export function violatesUnique(thrown: unknown, constraint: string): boolean {
  const error = databaseError(thrown);
  return error?.code === '23505' && error.constraint === constraint;
}

/**
 * True when the primary key is taken: ids are made at random here, so the same statement has been there before. Something
 * on the way sent it twice, and its first answer is not known to anybody.
 */
function wasSentTwice(error: NeonDbError): boolean {
  return error.code === '23505' && error.constraint?.endsWith('_pkey') === true;
}

/**
 * True when the database was not reached, is not taking statements, or gave this one up for reasons of its own, so
 * that it may be tried again: no SQLSTATE at all, or one of 08 (connection), 40 (rolled back for another
 * transaction's sake), 53 (resources), 55P03 (lock not available), 57 (cancelled, shutting down), 58 (system).
 */
export function databaseUnavailable(thrown: unknown): boolean {
  const error = databaseError(thrown);
  if (error === undefined) return false;
  if (error.sourceError instanceof DependencyError) return true;
  return error.code === undefined || wasSentTwice(error) || /^(08|40|53|55P03|57|58)/.test(error.code);
}
