import { createRoute } from '@hono/zod-openapi';
import { fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  completeUploadSchema,
  createUploadSchema,
  partNumbersSchema,
  partPageSchema,
  partsQuerySchema,
  partUrlsSchema,
  uploadPageSchema,
  uploadParamsSchema,
  uploadStatusSchema,
  uploadsQuerySchema,
} from '../models/uploads.ts';
import type { StorageApp } from './app.ts';
import { permitCreation } from './idempotency.ts';
import { mediaType } from './upload-body.ts';

const tags = ['uploads'];

const createUploadRoute = createRoute({
  method: 'post',
  path: '/v1/uploads',
  tags,
  summary: 'Begin an upload in parts that go straight to the object store',
  ...permitCreation('files:write'),
  request: { body: jsonBody(createUploadSchema) },
  responses: {
    201: json(uploadStatusSchema, 'The upload'),
    ...problems(400, 401, 403, 404, 409, 412, 413, 422, 503, 507),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/uploads',
  tags,
  summary: 'Uploads of one’s own that can be gone on with, the oldest first',
  ...permit('files:read'),
  request: { query: uploadsQuerySchema },
  responses: { 200: json(uploadPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const statusRoute = createRoute({
  method: 'get',
  path: '/v1/uploads/{id}',
  tags,
  summary: 'How far an upload is, as the object store has it',
  ...permit('files:read'),
  request: { params: uploadParamsSchema },
  responses: { 200: json(uploadStatusSchema, 'The upload'), ...problems(400, 401, 403, 404, 410, 422, 503) },
});

const abortRoute = createRoute({
  method: 'delete',
  path: '/v1/uploads/{id}',
  tags,
  summary: 'Give an upload up, through whichever door it came',
  ...permit('files:write'),
  request: { params: uploadParamsSchema },
  responses: { 204: { description: 'Given up' }, ...problems(400, 401, 403, 404, 410, 422, 503) },
});

const urlsRoute = createRoute({
  method: 'post',
  path: '/v1/uploads/{id}/parts',
  tags,
  summary: 'Addresses to PUT parts to, for 15 minutes; the length of each is signed',
  ...permit('files:write'),
  request: { params: uploadParamsSchema, body: jsonBody(partNumbersSchema) },
  responses: { 200: json(partUrlsSchema, 'The addresses'), ...problems(400, 401, 403, 404, 410, 422, 503) },
});

const partsRoute = createRoute({
  method: 'get',
  path: '/v1/uploads/{id}/parts',
  tags,
  summary: 'The parts that the object store has, by number',
  ...permit('files:read'),
  request: { params: uploadParamsSchema, query: partsQuerySchema },
  responses: { 200: json(partPageSchema, 'A page'), ...problems(400, 401, 403, 404, 410, 422, 503) },
});

const completeRoute = createRoute({
  method: 'post',
  path: '/v1/uploads/{id}/complete',
  tags,
  summary: 'Make the parts a file; refused, the upload can be mended',
  ...permit('files:write'),
  request: { params: uploadParamsSchema, body: jsonBody(completeUploadSchema) },
  responses: {
    201: json(fileSchema, 'The file'),
    ...problems(400, 401, 403, 404, 409, 410, 412, 422, 503, 507),
  },
});

export function mountUploads(app: StorageApp): void {
  app.openapi(createUploadRoute, async (c) => {
    const { name = '', contentType, parentId, ...request } = c.req.valid('json');
    const upload = await c.get('services').multipart.create(
      c.get('principal').userId,
      {
        ...request,
        name,
        parentId: parentId ?? undefined,
        contentType: mediaType(contentType ?? '', name),
      },
      { uuid: c.get('resourceUuid'), isRepeated: c.get('isRepeated') ?? false },
    );
    return c.json(upload, 201, { location: `/v1/uploads/${upload.id}` });
  });

  app.openapi(listRoute, async (c) =>
    c.json(await c.get('services').multipart.list(c.get('principal').userId, c.req.valid('query')), 200),
  );

  app.openapi(statusRoute, async (c) =>
    c.json(await c.get('services').multipart.status(c.get('principal').userId, c.req.valid('param').id), 200),
  );

  app.openapi(abortRoute, async (c) => {
    await c.get('services').multipart.abort(c.get('principal').userId, c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(urlsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const numbers = c.req.valid('json');
    return c.json(await c.get('services').multipart.partUrls(c.get('principal').userId, id, numbers), 200);
  });

  app.openapi(partsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const query = c.req.valid('query');
    return c.json(await c.get('services').multipart.parts(c.get('principal').userId, id, query), 200);
  });

  app.openapi(completeRoute, async (c) => {
    const { id } = c.req.valid('param');
    const file = await c
      .get('services')
      .multipart.complete(c.get('principal').userId, id, c.req.valid('json'));
    c.get('written')();
    return c.json(file, 201, { location: `/v1/files/${file.id}` });
  });
}
