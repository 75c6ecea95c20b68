/** A statement with its parameters as PostgreSQL's text format; `null` is SQL NULL. */
export interface SqlQuery {
  text: string;
  params: readonly (string | null)[];
}

/** One column, named as the Neon wire (and node-postgres) name it. */
export interface SqlField {
  name: string;
  dataTypeID: number;
  tableID: number;
  columnID: number;
  dataTypeSize: number;
  dataTypeModifier: number;
  format: 'text';
}

/** Values are the server's text format, untouched: the caller's driver parses them by `dataTypeID`. */
export interface SqlResult {
  command: string;
  rowCount: number | null;
  fields: SqlField[];
  rows: (string | null)[][];
}

export type IsolationLevel = 'ReadUncommitted' | 'ReadCommitted' | 'RepeatableRead' | 'Serializable';

export interface TransactionOptions {
  isolationLevel?: IsolationLevel | undefined;
  readOnly?: boolean | undefined;
  deferrable?: boolean | undefined;
}

/** The fields of a PostgreSQL ErrorResponse that the Neon driver copies onto its NeonDbError. */
export const SQL_ERROR_FIELDS = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const;

export type SqlErrorFields = Partial<Record<(typeof SQL_ERROR_FIELDS)[number], string | undefined>>;

/** The database answered, and the answer is an error. */
export class SqlError extends Error {
  readonly fields: SqlErrorFields;

  constructor(message: string, fields: SqlErrorFields) {
    super(message);
    this.name = 'SqlError';
    this.fields = fields;
  }
}

/** No answer: the database is starting, stopping, overloaded or gone. What was under way may have taken effect. */
export class EngineUnavailableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineUnavailableError';
  }
}

/** A PostgreSQL behind the Neon-compatible endpoint. Each call leaves the session as a new one would find it. */
export interface SqlEngine {
  /** One statement in its own transaction. Throws SqlError or EngineUnavailableError. */
  query(query: SqlQuery): Promise<SqlResult>;
  /** All statements in one transaction, in order; the first error rolls everything back and is thrown. */
  transaction(queries: readonly SqlQuery[], options: TransactionOptions): Promise<SqlResult[]>;
  /** Ends after what is running; what was acknowledged is on disk. */
  close(): Promise<void>;
}

const ISOLATION_SQL: Record<IsolationLevel, string> = {
  ReadUncommitted: 'READ UNCOMMITTED',
  ReadCommitted: 'READ COMMITTED',
  RepeatableRead: 'REPEATABLE READ',
  Serializable: 'SERIALIZABLE',
};

export function beginStatement(options: TransactionOptions): string {
  const modes: string[] = [];
  if (options.isolationLevel) modes.push(`ISOLATION LEVEL ${ISOLATION_SQL[options.isolationLevel]}`);
  if (options.readOnly !== undefined) modes.push(options.readOnly ? 'READ ONLY' : 'READ WRITE');
  if (options.deferrable !== undefined) modes.push(options.deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE');
  return modes.length === 0 ? 'BEGIN' : `BEGIN ${modes.join(', ')}`;
}

/** Splits a command tag such as `INSERT 0 5`, `SELECT 2` or `CREATE TABLE`. */
export function parseCommandTag(tag: string): { command: string; rowCount: number | null } {
  const words = tag.split(' ');
  const last = words.at(-1) ?? '';
  return { command: words[0] ?? '', rowCount: /^\d+$/.test(last) ? Number(last) : null };
}

export function errorFields(source: object): SqlErrorFields {
  const values: Record<string, unknown> = { ...source };
  const fields: SqlErrorFields = {};
  for (const name of SQL_ERROR_FIELDS) {
    const value = values[name];
    if (typeof value === 'string') fields[name] = value;
  }
  return fields;
}
