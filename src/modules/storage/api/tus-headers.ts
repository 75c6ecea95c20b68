import { z } from 'zod';
import { driveIdSchema, fileIdSchema } from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { storageError } from '../errors.ts';
import { conflictSchema } from '../models/files.ts';
import { nameSchema } from '../models/names.ts';
import { sha256Schema } from '../models/uploads.ts';
import { CHECKSUMS, type Checksum } from '../service/checksum.ts';
import type { TusCreation } from '../service/tus.ts';
import { mediaType } from './upload-body.ts';

const METADATA_BYTES = 8 * 1024;
const UNNAMED = 'unnamed';

function invalid(field: string, message: string): Error {
  return coreError('invalid_request', { detail: `${field} ${message}.`, errors: [{ field, message }] });
}

/** A header of digits; undefined when it is not there. */
export function numberIn(headers: Headers, name: string): number | undefined {
  const value = headers.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw invalid(name, 'must be a number of bytes');
  return Number(value);
}

/** TUS, Upload-Length or Upload-Defer-Length; null for later. */
export function lengthOf(headers: Headers): number | null {
  const length = numberIn(headers, 'upload-length');
  const defer = headers.get('upload-defer-length');
  if (defer !== null && (defer !== '1' || length !== undefined))
    throw invalid('upload-defer-length', 'must be 1, and come without Upload-Length');
  if (defer === null && length === undefined) throw invalid('upload-length', 'is required');
  return length ?? null;
}

/** TUS, Upload-Checksum: an algorithm and a digest in base64. */
export function checksumOf(headers: Headers): Checksum | undefined {
  const value = headers.get('upload-checksum');
  if (value === null) return undefined;
  const [name = '', base64 = '', ...rest] = value.split(' ');
  const algorithm = algorithms.find((known) => known === name);
  if (algorithm === undefined || rest.length > 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
    throw invalid('upload-checksum', `must be one of ${algorithms.join(', ')}, and a digest in base64`);
  return { algorithm, base64 };
}
const isAlgorithm = (name: string): name is Checksum['algorithm'] => name in CHECKSUMS;
export const algorithms = Object.keys(CHECKSUMS).filter(isAlgorithm);

/** What clients send for "none" in a value that is always text. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' || value === 'null' ? undefined : value), schema.optional());

const metadataSchema = z
  .object({
    filename: optional(nameSchema),
    name: optional(nameSchema),
    filetype: optional(z.string().max(200)),
    type: optional(z.string().max(200)),
    parentId: optional(fileIdSchema),
    driveId: optional(driveIdSchema),
    fileId: optional(fileIdSchema),
    ifMatch: optional(z.string().max(200)),
    conflict: optional(conflictSchema),
    sha256: optional(sha256Schema),
  })
  .refine(({ fileId, parentId, driveId }) => !fileId || (!parentId && !driveId), {
    message: 'a new version is where its file is',
    path: ['fileId'],
  });

/** TUS, Upload-Metadata. Nobody is asked at the end of a long upload: a taken name becomes another one unless told. */
export function creationOf(headers: Headers): TusCreation {
  const metadata = headers.get('upload-metadata');
  const parsed = metadataSchema.safeParse(pairsIn(metadata ?? ''));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`upload-metadata ${issue?.path.join('.')}`, issue?.message ?? 'is not valid');
  }
  const {
    filename,
    name = UNNAMED,
    filetype,
    type = '',
    conflict = 'rename',
    sha256,
    ...place
  } = parsed.data;
  const called = filename ?? name;
  return {
    destination: { name: called, conflict, ...place },
    contentType: mediaType(filetype ?? type, called),
    sha256,
    size: lengthOf(headers),
    metadata,
  };
}

function pairsIn(metadata: string): Record<string, string> {
  if (metadata.length > METADATA_BYTES)
    throw invalid('upload-metadata', `must have up to ${METADATA_BYTES} bytes`);
  const pairs: Record<string, string> = Object.create(null);
  for (const pair of metadata.trim() === '' ? [] : metadata.split(',')) {
    const [key = '', value = '', ...rest] = pair.trim().split(' ');
    if (!/^[\x21-\x7e]+$/.test(key) || rest.length > 0 || key in pairs)
      throw invalid('upload-metadata', 'must be keys, each once, with values in base64');
    pairs[key] = decoded(value);
  }
  return pairs;
}

function decoded(base64: string): string {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid('upload-metadata', 'must have values in base64 of UTF-8');
  }
}

export const TUS_VERSION = '1.0.0';

/** Every request but OPTIONS says which version it speaks. @throws AppError tus_version_unsupported */
export function requireVersion(headers: Headers): void {
  if (headers.get('tus-resumable') === TUS_VERSION) return;
  throw storageError('tus_version_unsupported', {
    detail: `Send Tus-Resumable: ${TUS_VERSION}.`,
    headers: { 'tus-version': TUS_VERSION },
  });
}
