import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ObjectStore } from '../../core/objects/object-store.ts';
import { decodeMetadata } from '../../core/objects/s3-wire.ts';
import { inTurns } from './in-turns.ts';
import { writeLines } from './lines.ts';
import {
  type BackupObject,
  type CopiedObject,
  type LinesFile,
  type NotCopied,
  objectPath,
} from './manifest.ts';
import type { BackupDatabase } from './sql.ts';

export interface CopyOptions {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly database: BackupDatabase;
}

export interface Copied {
  readonly file: LinesFile;
  readonly bytes: number;
  readonly notCopied: readonly NotCopied[];
}

const AT_ONCE = 4;
const ATTEMPTS = 3;

/** @param keys  as the snapshot of the database has them */
export async function copyObjects(
  { store, database }: CopyOptions,
  folder: string,
  keys: readonly string[],
): Promise<Copied> {
  const list = await writeLines(folder, 'objects.ndjson');
  const missing: string[] = [];
  let bytes = 0;
  await inTurns(keys, AT_ONCE, async (key) => {
    const object = await copyPatiently(store, folder, key);
    if (object === undefined) missing.push(key);
    else {
      bytes += object.size;
      await list.add(JSON.stringify(object));
    }
  });
  const notCopied = await explained(database, missing);
  for (const { kind, key } of notCopied) {
    const object: BackupObject = { state: kind, key };
    await list.add(JSON.stringify(object));
  }
  return { file: await list.end(), bytes, notCopied };
}

/** A connection that breaks in the middle of a body is no loss. */
async function copyPatiently(
  store: CopyOptions['store'],
  folder: string,
  key: string,
): Promise<CopiedObject | undefined> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await copyOne(store, folder, key);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
}

async function copyOne(
  store: CopyOptions['store'],
  folder: string,
  key: string,
): Promise<CopiedObject | undefined> {
  const answer = await store.get(key);
  if (answer === undefined) return undefined;
  const path = objectPath(folder, key);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'w', 0o600);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      hash.update(chunk);
      size += chunk.byteLength;
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const announced = answer.headers.get('content-length');
  if (announced !== null && Number(announced) !== size)
    throw new Error(`${key}: ${size} of ${announced} bytes came`);
  const contentType = answer.headers.get('content-type') ?? 'application/octet-stream';
  const metadata = decodeMetadata(answer.headers);
  return { state: 'copied', key, size, sha256: hash.digest('hex'), contentType, metadata };
}

/** What no row needs any more was deleted while the backup was taken. */
async function explained(database: BackupDatabase, keys: readonly string[]): Promise<NotCopied[]> {
  if (keys.length === 0) return [];
  const text = `select k.key from json_array_elements_text($1::json) k (key) where storage.is_kept(k.key)`;
  const [needed = []] = await database.run([{ text, params: [JSON.stringify(keys)] }]);
  const lost = new Set(needed);
  return keys.map((key) => ({ kind: lost.has(key) ? 'lost' : 'deleted', key }));
}
