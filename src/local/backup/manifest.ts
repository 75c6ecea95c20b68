import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { catalogueSchema, tableSchema } from './catalogue.ts';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.object({
  /** Below the folder. */
  file: z.string().regex(/^[\w.-]+(\/[\w."-]+)*$/),
  lines: z.int().min(0),
  bytes: z.int().min(0),
  sha256: sha256Schema,
});
export type LinesFile = z.infer<typeof fileSchema>;

/** Last of all files to be written: without it a backup is none. */
export const manifestSchema = z.object({
  format: z.literal(1),
  id: z.uuid(),
  /** The moment of the snapshot of the database. */
  takenAt: z.string(),
  finishedAt: z.string(),
  migrations: catalogueSchema.shape.migrations,
  sequences: catalogueSchema.shape.sequences,
  tables: z.array(tableSchema.extend({ rows: fileSchema })),
  /** Lines of `objectSchema`. */
  objects: fileSchema,
  /** Its own id, sealed by the keyrings of then: whether those of a later day are the same, without telling anything of them. */
  sealed: z.object({
    STORAGE_ENCRYPTION_KEYS: z.string(),
    AUTH_ENCRYPTION_KEYS: z.string().nullable(),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;

const keySchema = z
  .string()
  .regex(/^(objects|previews)(\/[\w.-]+)+$/)
  .refine((key) => !key.split('/').includes('..'));

/** An object that a row of the database names. */
export const objectSchema = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('copied'),
    key: keySchema,
    /** Of the bytes as they are stored, sealed ones too. */
    size: z.int().min(0),
    sha256: sha256Schema,
    contentType: z.string(),
    metadata: z.record(z.string(), z.string()),
  }),
  /** `deleted`: for good, while the backup was taken; `lost`: it should have been there. */
  z.object({ state: z.enum(['deleted', 'lost']), key: keySchema }),
]);
export type BackupObject = z.infer<typeof objectSchema>;
export type CopiedObject = Extract<BackupObject, { state: 'copied' }>;

/** An object that a row of the database names, and that is not in the backup. */
export interface NotCopied {
  readonly kind: 'deleted' | 'lost';
  readonly key: string;
}

export class BackupError extends Error {
  override name = 'BackupError';
}

const MANIFEST = 'manifest.json';

/** Where the bytes of an object are in a backup. */
export const objectPath = (folder: string, key: string): string => join(folder, 'bucket', key);

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST);
  await writeFile(`${path}.new`, JSON.stringify(manifest, null, 2), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/** @throws BackupError when the folder holds no backup that came to its end */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new BackupError(
      `There is no complete backup in ${folder}: ${MANIFEST}, its last file, is missing.`,
    );
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    throw new BackupError(
      `${join(folder, MANIFEST)} is not the manifest of a backup, or of another version.`,
    );
  }
}
