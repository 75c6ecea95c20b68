import { createRoute } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { coreError } from '../../../core/http/app-error.ts';
import { open, permit } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { uploadParamsSchema } from '../models/uploads.ts';
import { TUS_MAX_BYTES } from '../service/part-sizes.ts';
import type { Chunk, TusState } from '../service/tus.ts';
import type { StorageApp } from './app.ts';
import { algorithms, checksumOf, creationOf, numberIn, requireVersion, TUS_VERSION } from './tus-headers.ts';

const tags = ['uploads'];
const CHUNK_TYPE = 'application/offset+octet-stream';
const EXTENSIONS = 'creation,creation-with-upload,creation-defer-length,termination,expiration,checksum';
const chunkBody = { content: { [CHUNK_TYPE]: { schema: { type: 'string', format: 'binary' } } } } as const;

const optionsRoute = createRoute({
  method: 'options',
  path: '/v1/tus',
  tags,
  summary: 'What of TUS 1.0 is spoken here',
  ...open,
  responses: { 204: { description: 'In the headers' } },
});

const createUploadRoute = createRoute({
  method: 'post',
  path: '/v1/tus',
  tags,
  summary:
    'TUS: begin an upload; metadata `filename`, `filetype`, `parentId`, `driveId`, `fileId`, `conflict`',
  ...permit('files:write'),
  request: { body: { ...chunkBody, required: false } },
  responses: {
    201: { description: 'Begun; Location is where it goes on' },
    ...problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 460, 503, 507),
  },
});

/** HEAD, which Hono takes to the handler of GET. */
const stateRoute = createRoute({
  method: 'get',
  path: '/v1/tus/{id}',
  tags,
  summary: 'TUS: how many bytes are kept (HEAD)',
  ...permit('files:write'),
  request: { params: uploadParamsSchema },
  responses: {
    200: { description: 'Upload-Offset' },
    ...problems(400, 401, 403, 404, 409, 410, 412, 422, 423, 503, 507),
  },
});

const appendRoute = createRoute({
  method: 'patch',
  path: '/v1/tus/{id}',
  tags,
  summary: 'TUS: go on from Upload-Offset',
  ...permit('files:write'),
  request: { params: uploadParamsSchema, body: { ...chunkBody, required: false } },
  responses: {
    204: { description: 'Kept; with the last byte it is a file, at Content-Location' },
    ...problems(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 460, 503, 507),
  },
});

const terminateRoute = createRoute({
  method: 'delete',
  path: '/v1/tus/{id}',
  tags,
  summary: 'TUS: give an upload up',
  ...permit('files:write'),
  request: { params: uploadParamsSchema },
  responses: { 204: { description: 'Given up' }, ...problems(400, 401, 403, 404, 410, 412, 422, 503) },
});

export function mountTus(app: StorageApp): void {
  app.use('/v1/tus/*', speakTus);
  app.openapi(optionsRoute, (c) =>
    c.body(null, 204, {
      'tus-version': TUS_VERSION,
      'tus-extension': EXTENSIONS,
      'tus-max-size': String(TUS_MAX_BYTES),
      'tus-checksum-algorithm': algorithms.join(','),
    }),
  );

  app.openapi(createUploadRoute, async (c) => {
    const creation = creationOf(c.req.raw.headers);
    const hasChunk = c.req.header('content-type') !== undefined;
    const chunk = hasChunk ? chunkOf(c.req.raw) : null;
    const making = c.get('services').tus.create(c.get('principal').userId, creation, chunk);
    const state = await throughDisconnects(making, c.executionCtx);
    if (state.fileId !== null) c.get('written')();
    return c.body(null, 201, { ...headersOf(state), location: `/v1/tus/${state.id}` });
  });

  app.openapi(stateRoute, async (c) => {
    const { id } = c.req.valid('param');
    const state = await c.get('services').tus.state(c.get('principal').userId, id);
    return c.body(null, 200, {
      ...headersOf(state),
      ...(state.size === null ? { 'upload-defer-length': '1' } : { 'upload-length': String(state.size) }),
      ...(state.metadata === null ? {} : { 'upload-metadata': state.metadata }),
    });
  });

  app.openapi(appendRoute, async (c) => {
    const { id } = c.req.valid('param');
    const offset = numberIn(c.req.raw.headers, 'upload-offset');
    if (offset === undefined)
      throw coreError('invalid_request', { errors: [{ field: 'upload-offset', message: 'is required' }] });
    const at = { offset, length: numberIn(c.req.raw.headers, 'upload-length') };
    const { userId } = c.get('principal');
    const taking = c.get('services').tus.append(userId, id, at, chunkOf(c.req.raw));
    const state = await throughDisconnects(taking, c.executionCtx);
    if (state.fileId !== null) c.get('written')();
    return c.body(null, 204, headersOf(state));
  });

  app.openapi(terminateRoute, async (c) => {
    await c.get('services').tus.terminate(c.get('principal').userId, c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });
}

/** TUS 1.0: every answer says the version, refusals too. */
const speakTus: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== 'OPTIONS') requireVersion(c.req.raw.headers);
  await next();
  c.header('tus-resumable', TUS_VERSION);
};

/** @throws AppError unsupported_media_type */
function chunkOf({ headers, body }: Request): Chunk {
  if (headers.get('content-type') !== CHUNK_TYPE)
    throw coreError('unsupported_media_type', { detail: `Send Content-Type: ${CHUNK_TYPE}.` });
  return {
    body,
    length: numberIn(headers, 'content-length') ?? (body === null ? 0 : null),
    checksum: checksumOf(headers),
  };
}

/** When the client goes away in the middle, what has come still has to be kept. */
function throughDisconnects(
  work: Promise<TusState>,
  context: { waitUntil(promise: Promise<unknown>): void },
): Promise<TusState> {
  context.waitUntil(work.catch(() => undefined));
  return work;
}

function headersOf({ offset, expiresAt, fileId }: TusState): Record<string, string> {
  return {
    'upload-offset': String(offset),
    'upload-expires': expiresAt.toUTCString(),
    'cache-control': 'no-store',
    ...(fileId === null ? {} : { 'content-location': `/v1/files/${fileId}` }),
  };
}
