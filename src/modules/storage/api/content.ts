import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { fileSchema } from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema, uploadQuerySchema } from '../models/files.ts';
import { hasDigest } from '../service/content.ts';
import type { StorageApp } from './app.ts';
import { permitCreation } from './idempotency.ts';
import { readUpload } from './upload-body.ts';

const bytesContent = {
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
} as const;
const uploadBody = { required: true, content: bytesContent };

const uploadRoute = createRoute({
  method: 'post',
  path: '/v1/files',
  tags: ['files'],
  summary: 'Upload a file: the body is the bytes, or multipart with a field `file`',
  description: 'With `Repr-Digest: sha-256=:…:` the bytes are checked against it.',
  ...permitCreation('files:write', { isSameBody: isSameUpload }),
  request: { query: uploadQuerySchema, body: uploadBody },
  responses: {
    201: json(fileSchema, 'The file'),
    ...problems(400, 401, 403, 404, 409, 411, 413, 422, 503, 507),
  },
});

const replaceRoute = createRoute({
  method: 'put',
  path: '/v1/files/{id}/content',
  tags: ['files'],
  summary: 'Write a new version; with If-Match only if nobody else has written since',
  ...permitCreation('files:write', { isSameBody: isSameUpload }),
  request: { params: fileParamsSchema, body: uploadBody },
  responses: {
    200: json(fileSchema, 'The file'),
    ...problems(400, 401, 403, 404, 409, 411, 412, 413, 422, 503, 507),
  },
});

/** RFC 9110 13.1.2. */
const isOnlyNew = (c: Context): boolean => c.req.header('if-none-match')?.trim() === '*';

/** Whether a repeated call brings the bytes that were answered. */
async function isSameUpload(c: Context, { body }: { readonly body: string }): Promise<boolean> {
  const { upload } = await readUpload(c.req.raw, c.req.query('name'));
  const made: { sha256?: unknown } = JSON.parse(body);
  return typeof made.sha256 === 'string' && hasDigest(upload, made.sha256);
}

export function mountContent(app: StorageApp): void {
  app.openapi(uploadRoute, async (c) => {
    const { name: queryName, ...place } = c.req.valid('query');
    const { name, upload } = await readUpload(c.req.raw, queryName);
    if (name === undefined) {
      throw coreError('invalid_request', {
        detail: 'Give the file a name: ?name=…',
        errors: [{ field: 'name', message: 'is required' }],
      });
    }
    const { userId } = c.get('principal');
    const repetition = { resourceUuid: c.get('resourceUuid'), isRepeated: c.get('isRepeated') };
    const file = await c
      .get('services')
      .content.createFile({ userId, name, ...place, ...repetition }, isOnlyNew(c), upload);
    c.get('written')();
    return c.json(file, 201, { location: `/v1/files/${file.id}` });
  });

  app.openapi(replaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { upload } = await readUpload(c.req.raw, undefined);
    const { userId } = c.get('principal');
    const target = {
      userId,
      fileId: id,
      resourceUuid: c.get('resourceUuid'),
      isRepeated: c.get('isRepeated'),
    };
    const condition = { ifMatch: c.req.header('if-match') ?? null, onlyNew: isOnlyNew(c) };
    const file = await c.get('services').content.replaceContent(target, condition, upload);
    c.get('written')();
    return c.json(file, 200);
  });
}
