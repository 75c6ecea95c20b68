import { createRoute } from '@hono/zod-openapi';
import { filePageSchema, fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { createFolderSchema, fileParamsSchema, listQuerySchema, updateFileSchema } from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp } from './app.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files',
  tags: ['files'],
  summary: 'What is in a folder, oldest first',
  ...permit('files:read'),
  request: { query: listQuerySchema },
  responses: { 200: json(filePageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}',
  tags: ['files'],
  summary: 'A file or folder',
  ...permit('files:read'),
  request: { params: fileParamsSchema },
  responses: { 200: json(fileSchema, 'The file'), ...problems(400, 401, 403, 404, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/files/{id}',
  tags: ['files'],
  summary: 'Rename or move',
  ...permit('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(updateFileSchema) },
  responses: { 200: json(fileSchema, 'The file as it is now'), ...problems(400, 401, 403, 404, 409, 503) },
});

const trashRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}',
  tags: ['files'],
  summary: 'To the trash; a folder with all that is in it',
  ...permit('files:write'),
  request: { params: fileParamsSchema },
  responses: { 204: { description: 'In the trash' }, ...problems(400, 401, 403, 404, 503) },
});

const createFolderRoute = createRoute({
  method: 'post',
  path: '/v1/folders',
  tags: ['files'],
  summary: 'Make a folder',
  ...permit('files:write'),
  request: { body: jsonBody(createFolderSchema) },
  responses: { 201: json(fileSchema, 'The folder'), ...problems(400, 401, 403, 404, 409, 503, 507) },
});

export function mountFiles(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    return c.json(await c.get('services').files.list(c.get('principal').userId, c.req.valid('query')), 200);
  });

  app.openapi(getRoute, async (c) => {
    const actor = asUser(c.get('principal').userId);
    return c.json(await c.get('services').files.file(actor, c.req.valid('param').id), 200);
  });

  app.openapi(updateRoute, async (c) => {
    const { id } = c.req.valid('param');
    const file = await c.get('services').files.update(c.get('principal').userId, id, c.req.valid('json'));
    c.get('written')();
    return c.json(file, 200);
  });

  app.openapi(trashRoute, async (c) => {
    await c.get('services').files.trash(c.get('principal').userId, c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(createFolderRoute, async (c) => {
    const folder = await c.get('services').files.createFolder(c.get('principal').userId, c.req.valid('json'));
    c.get('written')();
    return c.json(folder, 201, { location: `/v1/files/${folder.id}` });
  });
}
