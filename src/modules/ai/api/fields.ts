import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { driveParamsSchema } from '../models/drives.ts';
import {
  fieldPageSchema,
  fieldParamsSchema,
  fieldSchema,
  fieldsQuerySchema,
  putFieldSchema,
} from '../models/fields.ts';
import type { AiApp } from './app.ts';
import { askerOf } from './asker.ts';

const tags = ['fields'];

const listRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/fields',
  tags,
  summary: 'What a drive wants to be found in its documents',
  ...permit('files:read'),
  request: { params: driveParamsSchema, query: fieldsQuerySchema },
  responses: { 200: json(fieldPageSchema, 'A page, by name'), ...problems(400, 401, 403, 404, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/fields/{name}',
  tags,
  summary: 'A field',
  ...permit('files:read'),
  request: { params: fieldParamsSchema },
  responses: { 200: json(fieldSchema, 'The field'), ...problems(400, 401, 403, 404, 503) },
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/drives/{driveId}/fields/{name}',
  tags,
  summary: 'Make a field, or change it',
  description:
    'It is looked for in what is analysed from now on; in older files when somebody asks for it: `POST /v1/batches` with the operation `extract`. Values of another type are forgotten.',
  ...permit('files:write'),
  request: { params: fieldParamsSchema, body: jsonBody(putFieldSchema) },
  responses: { 200: json(fieldSchema, 'The field'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/drives/{driveId}/fields/{name}',
  tags,
  summary: 'Delete a field with its values',
  ...permit('files:write'),
  request: { params: fieldParamsSchema },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountFields(app: AiApp): void {
  app.openapi(listRoute, async (c) => {
    const { userId } = c.get('principal');
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').fields.list(userId, driveId, c.req.valid('query')), 200);
  });

  app.openapi(getRoute, async (c) => {
    const { driveId, name } = c.req.valid('param');
    return c.json(await c.get('services').fields.field(c.get('principal').userId, driveId, name), 200);
  });

  app.openapi(putRoute, async (c) => {
    const { driveId, name } = c.req.valid('param');
    return c.json(await c.get('services').fields.put(askerOf(c), driveId, name, c.req.valid('json')), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { driveId, name } = c.req.valid('param');
    await c.get('services').fields.delete(askerOf(c), driveId, name);
    return c.body(null, 204);
  });
}
