import { join } from 'node:path';
import { createKeyring, type KeyringKeys } from '../../core/security/keyring.ts';
import { inTurns } from './in-turns.ts';
import { digestOfFile, readLines } from './lines.ts';
import {
  BackupError,
  type CopiedObject,
  type LinesFile,
  type Manifest,
  objectPath,
  objectSchema,
  readManifest,
} from './manifest.ts';
import { type Keys, SEAL_CONTEXT } from './take-backup.ts';

/** An object that cannot be put back. */
export interface Unusable {
  readonly key: string;
  readonly why: string;
}

export interface VerifiedBackup {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly unusable: ReadonlyMap<string, string>;
}

const FILES_AT_ONCE = 2;

/**
 * Reads all of it. What is wrong with the database's part makes it no backup; what is wrong with an object is told, for
 * the others can be put back.
 * @throws BackupError
 */
export async function verifyBackup(folder: string): Promise<VerifiedBackup> {
  const manifest = await readManifest(folder);
  for (const file of [...manifest.tables.map(({ rows }) => rows), manifest.objects])
    await verifyLines(folder, file);
  const unusable = new Map<string, string>();
  await inTurns(readLines(join(folder, manifest.objects.file)), FILES_AT_ONCE, async (line) => {
    const object = objectSchema.parse(JSON.parse(line));
    const why = object.state === 'copied' ? await faultOf(folder, object) : SAYS[object.state];
    if (why !== undefined) unusable.set(object.key, why);
  });
  return { folder, manifest, unusable };
}

const SAYS = {
  deleted: 'it was deleted for good while the backup was taken',
  lost: 'it was missing when the backup was taken',
} as const;

async function verifyLines(folder: string, { file, bytes, sha256 }: LinesFile): Promise<void> {
  const found = await digestOfFile(join(folder, file));
  if (found === undefined) throw new BackupError(`The backup is damaged: ${file} is missing.`);
  if (found.bytes !== bytes || found.sha256 !== sha256)
    throw new BackupError(`The backup is damaged: ${file} is not what its manifest says.`);
}

async function faultOf(folder: string, { key, size, sha256 }: CopiedObject): Promise<string | undefined> {
  const found = await digestOfFile(objectPath(folder, key));
  if (found === undefined) return 'its file is missing from the backup';
  if (found.bytes !== size) return `its file in the backup has ${found.bytes} bytes instead of ${size}`;
  return found.sha256 === sha256 ? undefined : 'the bytes of its file in the backup were changed';
}

/**
 * Under other keys nobody could sign in, and sealed objects could not be read.
 * @throws BackupError
 */
export async function requireSameKeys({ id, sealed }: Manifest, keys: Keys): Promise<void> {
  const opens = (ring: KeyringKeys | undefined, text: string | null) =>
    ring === undefined || text === null
      ? true
      : createKeyring(ring)
          .open(SEAL_CONTEXT, text)
          .then((opened) => opened === id)
          .catch(() => false);
  for (const name of ['STORAGE_ENCRYPTION_KEYS', 'AUTH_ENCRYPTION_KEYS'] as const)
    if (!(await opens(keys[name], sealed[name])))
      throw new BackupError(
        `${name} is not the one that this backup was taken under. Bring it here (of npm start: secrets.json of the old ` +
          'data folder), or add --other-keys: then what is sealed with it stays unreadable.',
      );
}
