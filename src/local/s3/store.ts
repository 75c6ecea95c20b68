import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { z } from 'zod';
import { S3Error } from './errors.ts';

/**
 * The index: node:sqlite, because it comes with Node, keeps keys in the UTF-8 binary order S3 lists in, and makes
 * "check the condition, then replace" one transaction that survives `kill -9` (WAL, synced at every commit).
 */

const segments = z.array(z.object({ id: z.string(), size: z.number() }));

const checksum = z.object({
  algorithm: z.enum(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']),
  value: z.string(),
  type: z.enum(['FULL_OBJECT', 'COMPOSITE']),
});

/** What a client says about an object and gets back with it. */
export const attributes = z.object({
  headers: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.string()),
});
export type Attributes = z.infer<typeof attributes>;

const details = z.object({
  attributes,
  segments,
  checksum: checksum.optional(),
  /** The multipart upload it came from, so that a repeated completion can be answered. */
  uploadId: z.string().optional(),
});

const objectSchema = z.object({
  key: z.string(),
  etag: z.string(),
  size: z.number(),
  modifiedAt: z.number(),
  details,
});
/** The current object under a key; `etag` without quotes, `modifiedAt` in milliseconds. */
export type StoredObject = z.infer<typeof objectSchema>;

const objectRow = objectSchema.extend({
  details: z.string().transform((json) => details.parse(JSON.parse(json))),
});

const listedRow = objectSchema.omit({ details: true });
export type ListedObject = z.infer<typeof listedRow>;

const bucketRow = z.object({ name: z.string(), createdAt: z.number() });
export type Bucket = z.infer<typeof bucketRow>;

/** Throws to refuse the change; sees what is there at that very moment. */
export type Guard = (existing: StoredObject | undefined) => void;

export interface Store {
  createBucket(name: string, now: number): boolean;
  deleteBucket(name: string): void;
  buckets(): Bucket[];
  /** Throws NoSuchBucket. */
  assertBucket(name: string): void;
  find(bucket: string, key: string): StoredObject | undefined;
  /** Puts the object in place if the guard lets it; returns what it replaced. */
  put(bucket: string, object: StoredObject, guard: Guard): StoredObject | undefined;
  remove(bucket: string, key: string, guard: Guard): StoredObject | undefined;
  /** Objects in key order, from `start` on (without `start` itself if `exclusive`). Stop iterating when done. */
  scan(bucket: string, start: string, exclusive: boolean): Iterable<ListedObject>;
  /** Ids of all files that objects stand on. */
  segmentIds(): string[];
  /** Everything or nothing. */
  transaction<T>(work: () => T): T;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, createdAt INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    modifiedAt INTEGER NOT NULL, details TEXT NOT NULL, PRIMARY KEY (bucket, key)
  ) STRICT;
`;

/** Opens the index; the exclusive lock keeps a second server out of the same folder. */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
  `);
  database.exec(SCHEMA);
  return database;
}

export function createStore(database: DatabaseSync): Store {
  const objectColumns = 'key, etag, size, modifiedAt, details';
  const find = database.prepare(`SELECT ${objectColumns} FROM objects WHERE bucket = ? AND key = ?`);
  const upsert = database.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM objects WHERE bucket = ? AND key = ?');
  const listed = 'SELECT key, etag, size, modifiedAt FROM objects WHERE bucket = ? AND key';
  const scanFrom = database.prepare(`${listed} >= ? ORDER BY key`);
  const scanAfter = database.prepare(`${listed} > ? ORDER BY key`);
  const findBucket = database.prepare('SELECT name FROM buckets WHERE name = ?');

  const findObject = (bucket: string, key: string): StoredObject | undefined => {
    const row = find.get(bucket, key);
    return row && objectRow.parse(row);
  };
  const transaction = createTransaction(database);
  const run = (sql: string, ...values: SQLInputValue[]): boolean =>
    database.prepare(sql).run(...values).changes !== 0;
  const assertBucket = (name: string): void => {
    if (!findBucket.get(name)) throw new S3Error('NoSuchBucket', { details: { BucketName: name } });
  };

  return {
    transaction,
    assertBucket,
    find: findObject,
    createBucket: (name, now) => run('INSERT OR IGNORE INTO buckets VALUES (?, ?)', name, now),
    deleteBucket: (name) =>
      transaction(() => {
        assertBucket(name);
        if (scanFrom.get(name, '')) throw new S3Error('BucketNotEmpty');
        run('DELETE FROM buckets WHERE name = ?', name);
      }),
    buckets: () =>
      database
        .prepare('SELECT name, createdAt FROM buckets ORDER BY name')
        .all()
        .map((row) => bucketRow.parse(row)),
    put: (bucket, object, guard) =>
      transaction(() => {
        assertBucket(bucket);
        const existing = findObject(bucket, object.key);
        guard(existing);
        const { key, etag, size, modifiedAt } = object;
        upsert.run(bucket, key, etag, size, modifiedAt, JSON.stringify(object.details));
        return existing;
      }),
    remove: (bucket, key, guard) =>
      transaction(() => {
        const existing = findObject(bucket, key);
        guard(existing);
        if (existing) remove.run(bucket, key);
        return existing;
      }),
    scan: function* (bucket, start, exclusive) {
      const rows = (exclusive ? scanAfter : scanFrom).iterate(bucket, start);
      for (const row of rows) yield listedRow.parse(row);
    },
    segmentIds: () =>
      database
        .prepare("SELECT json_extract(value, '$.id') AS id FROM objects, json_each(details, '$.segments')")
        .all()
        .map((row) => String(row.id)),
  };
}

/** Nested calls join the outer transaction. */
function createTransaction(database: DatabaseSync): Store['transaction'] {
  return (work) => {
    if (database.isTransaction) return work();
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has already rolled back by itself after some failures, a full disk among them.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
}
