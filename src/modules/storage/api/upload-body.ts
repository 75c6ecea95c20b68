import { getMimeType, mimes } from 'hono/utils/mime';
import { coreError } from '../../../core/http/app-error.ts';
import { storageError } from '../errors.ts';
import { nameSchema } from '../models/names.ts';
import type { UploadBody } from '../service/content.ts';

/** What has to be held in memory, because its length is only known at its end. */
const BUFFER_BYTES = 16 * 1024 * 1024;
const UNSPECIFIC = /^application\/(x-www-form-urlencoded|octet-stream)\b/i;
const FALLBACK_TYPE = 'application/octet-stream';
const MEDIA_TYPE =
  /^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}(\s*;\s*charset="?[a-z0-9_-]{1,40}"?)?$/i;

export interface NamedUpload {
  readonly name: string | undefined;
  readonly upload: UploadBody;
}

/**
 * Reads the request as an upload without reading its bytes: a body of announced length streams through.
 * @throws AppError `invalid_request`, `invalid_multipart`, `length_required`, `upload_incomplete`.
 */
export async function readUpload(request: Request, queryName: string | undefined): Promise<NamedUpload> {
  const contentType = request.headers.get('content-type') ?? '';
  if (/^multipart\/form-data\b/i.test(contentType)) return readMultipart(request, queryName);
  const sha256 = announcedDigest(request.headers);
  const type = mediaType(contentType, queryName);
  const length = request.headers.get('content-length');
  const upload = (body: UploadBody['body'], size: number): NamedUpload => ({
    name: queryName,
    upload: { body, size, contentType: type, ...(sha256 ? { sha256 } : {}) },
  });
  if (length === null) {
    const bytes = await readBounded(request.body);
    return upload(bytes, bytes.byteLength);
  }
  if (!/^\d{1,15}$/.test(length))
    throw coreError('invalid_request', {
      errors: [{ field: 'content-length', message: 'must be a number' }],
    });
  return upload(
    Number(length) === 0 || request.body === null ? new Uint8Array() : request.body,
    Number(length),
  );
}

async function readMultipart(request: Request, queryName: string | undefined): Promise<NamedUpload> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > BUFFER_BYTES) throw tooLargeToHold('multipart');
  const bytes = await readBounded(request.body);
  const headers = { 'content-type': request.headers.get('content-type') ?? '' };
  const form = await new Response(bytes, { headers }).formData().catch((cause: unknown) => {
    throw storageError('invalid_multipart', { detail: 'The body is not valid multipart/form-data.', cause });
  });
  const file = form.get('file');
  if (!(file instanceof File))
    throw storageError('invalid_multipart', { errors: [{ field: 'file', message: 'must be a file' }] });
  const name = queryName ?? parseFileName(file.name);
  // As bytes: workerd cannot hand the stream of a form's file on as a body of known length.
  const body = new Uint8Array(await file.arrayBuffer());
  return { name, upload: { body, size: body.byteLength, contentType: mediaType(file.type, name) } };
}

function parseFileName(name: string): string {
  const parsed = nameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  const message = parsed.error.issues[0]?.message ?? 'is not valid';
  throw coreError('invalid_request', {
    detail: `The name of the file ${message}.`,
    errors: [{ field: 'name', message }],
  });
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > BUFFER_BYTES) throw tooLargeToHold('length');
    parts.push(part);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

function tooLargeToHold(what: 'multipart' | 'length'): Error {
  const limit = BUFFER_BYTES / 1024 / 1024;
  return what === 'multipart'
    ? storageError('file_too_large', {
        detail: `Multipart bodies may have up to ${limit} MiB. Send a larger file as the plain body.`,
      })
    : storageError('length_required', {
        detail: `Without Content-Length a body may have up to ${limit} MiB.`,
      });
}

/** Types that people store and that Hono's table does not know. */
const MORE_TYPES = {
  ...mimes,
  md: 'text/markdown',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  yaml: 'application/yaml',
};

/** What clients send when nobody said anything is not a type; then the name has to do. */
export function mediaType(announced: string, name: string | undefined): string {
  const said = announced.trim();
  if (MEDIA_TYPE.test(said) && !UNSPECIFIC.test(said)) return said.toLowerCase();
  return (name && getMimeType(name, MORE_TYPES)?.split(';')[0]) || FALLBACK_TYPE;
}

/** RFC 9530: `Repr-Digest` or `Content-Digest`, `sha-256=:base64:`; as lower-case hex. */
function announcedDigest(headers: Headers): string | undefined {
  const value = headers.get('repr-digest') ?? headers.get('content-digest');
  if (value === null) return undefined;
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(value)?.[1];
  if (base64 === undefined) return undefined;
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
