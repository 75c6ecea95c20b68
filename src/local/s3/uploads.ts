import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { CHECKSUM_ALGORITHMS } from './digests.ts';
import { S3Error } from './errors.ts';
import { attributes, type Store } from './store.ts';

const uploadDetails = z.object({
  attributes,
  /** The checksum the parts are kept with, if the client asked for one. */
  checksum: z
    .object({ algorithm: z.enum(CHECKSUM_ALGORITHMS), type: z.enum(['FULL_OBJECT', 'COMPOSITE']) })
    .optional(),
});

const uploadSchema = z.object({
  id: z.string(),
  bucket: z.string(),
  key: z.string(),
  initiatedAt: z.number(),
  details: uploadDetails,
});
/** A multipart upload that is neither completed nor aborted. */
export type Upload = z.infer<typeof uploadSchema>;

const uploadRow = uploadSchema.extend({
  details: z.string().transform((json) => uploadDetails.parse(JSON.parse(json))),
});

const partSchema = z.object({
  number: z.number(),
  etag: z.string(),
  size: z.number(),
  modifiedAt: z.number(),
  segmentId: z.string(),
  algorithm: z.enum(CHECKSUM_ALGORITHMS).nullable(),
  checksum: z.string().nullable(),
});
export type Part = z.infer<typeof partSchema>;

export interface Uploads {
  create(upload: Upload): void;
  /** Throws NoSuchUpload unless it belongs to this very key. */
  get(bucket: string, key: string, id: string): Upload;
  find(bucket: string, key: string, id: string): Upload | undefined;
  /** Returns the part of that number it replaces. */
  putPart(upload: Upload, part: Part): Part | undefined;
  /** In order of number. */
  parts(id: string): Part[];
  /** Forgets the upload and its parts. */
  remove(id: string): void;
  /** In order of key, then of id; from `key` on. */
  list(bucket: string, key: string): Upload[];
  segmentIds(): string[];
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiatedAt INTEGER NOT NULL, details TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS uploadsByKey ON uploads (bucket, key, id);
  CREATE TABLE IF NOT EXISTS parts (
    uploadId TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    modifiedAt INTEGER NOT NULL, segmentId TEXT NOT NULL, algorithm TEXT, checksum TEXT,
    PRIMARY KEY (uploadId, number)
  ) STRICT, WITHOUT ROWID;
`;

export function createUploads(database: DatabaseSync, store: Store): Uploads {
  database.exec(SCHEMA);
  const insert = database.prepare('INSERT INTO uploads VALUES (?, ?, ?, ?, ?)');
  const findUpload = database.prepare('SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?');
  const selectParts = database.prepare('SELECT * FROM parts WHERE uploadId = ? ORDER BY number');
  const selectPart = database.prepare('SELECT * FROM parts WHERE uploadId = ? AND number = ?');
  const upsertPart = database.prepare('INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)');

  const find: Uploads['find'] = (bucket, key, id) => {
    const row = findUpload.get(id, bucket, key);
    return row && uploadRow.parse(row);
  };
  const get: Uploads['get'] = (bucket, key, id) => {
    const upload = find(bucket, key, id);
    if (!upload) throw new S3Error('NoSuchUpload', { details: { UploadId: id } });
    return upload;
  };

  return {
    find,
    get,
    create: ({ id, bucket, key, initiatedAt, details }) => {
      insert.run(id, bucket, key, initiatedAt, JSON.stringify(details));
    },
    putPart: (upload, part) =>
      store.transaction(() => {
        get(upload.bucket, upload.key, upload.id);
        const replaced = selectPart.get(upload.id, part.number);
        const { number, etag, size, modifiedAt, segmentId, algorithm, checksum } = part;
        upsertPart.run(upload.id, number, etag, size, modifiedAt, segmentId, algorithm, checksum);
        return replaced && partSchema.parse(replaced);
      }),
    parts: (id) => selectParts.all(id).map((row) => partSchema.parse(row)),
    remove: (id) =>
      store.transaction(() => {
        database.prepare('DELETE FROM parts WHERE uploadId = ?').run(id);
        database.prepare('DELETE FROM uploads WHERE id = ?').run(id);
      }),
    list: (bucket, key) =>
      database
        .prepare('SELECT * FROM uploads WHERE bucket = ? AND key >= ? ORDER BY key, id')
        .all(bucket, key)
        .map((row) => uploadRow.parse(row)),
    segmentIds: () =>
      database
        .prepare('SELECT segmentId FROM parts')
        .all()
        .map((row) => String(row.segmentId)),
  };
}
