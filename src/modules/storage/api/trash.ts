import { createRoute } from '@hono/zod-openapi';
import { filePageSchema, fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/files.ts';
import {
  emptyTrashQuerySchema,
  restoreFileSchema,
  trashLeftSchema,
  trashQuerySchema,
} from '../models/trash.ts';
import type { StorageApp } from './app.ts';

const trashRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}',
  tags: ['trash'],
  summary: 'To the trash; a folder with all that is in it',
  ...permit('files:write'),
  request: { params: fileParamsSchema },
  responses: { 204: { description: 'In the trash' }, ...problems(400, 401, 403, 404, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/trash',
  tags: ['trash'],
  summary: 'What was put into the trash of a drive, newest first',
  ...permit('files:read'),
  request: { query: trashQuerySchema },
  responses: { 200: json(filePageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const restoreRoute = createRoute({
  method: 'post',
  path: '/v1/trash/{id}/restore',
  tags: ['trash'],
  summary: 'Out of the trash, with all that went there along with it',
  description: 'Back to its folder; to the root of the drive where that is gone or in the trash.',
  ...permit('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(restoreFileSchema) },
  responses: { 200: json(fileSchema, 'The file'), ...problems(400, 401, 403, 404, 409, 503) },
});

const purgeRoute = createRoute({
  method: 'delete',
  path: '/v1/trash/{id}',
  tags: ['trash'],
  summary: 'Delete for good',
  ...permit('files:write'),
  request: { params: fileParamsSchema },
  responses: { 204: { description: 'Gone' }, ...problems(400, 401, 403, 404, 503) },
});

const emptyRoute = createRoute({
  method: 'delete',
  path: '/v1/trash',
  tags: ['trash'],
  summary: 'Delete all that is in the trash of a drive for good',
  ...permit('files:write'),
  request: { query: emptyTrashQuerySchema },
  responses: { 202: json(trashLeftSchema, 'What is left'), ...problems(400, 401, 403, 404, 503) },
});

export function mountTrash(app: StorageApp): void {
  app.openapi(trashRoute, async (c) => {
    await c.get('services').trash.trash(c.get('principal').userId, c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(listRoute, async (c) => {
    return c.json(await c.get('services').trash.list(c.get('principal').userId, c.req.valid('query')), 200);
  });

  app.openapi(restoreRoute, async (c) => {
    const { conflict } = c.req.valid('json');
    const { id } = c.req.valid('param');
    const file = await c.get('services').trash.restore(c.get('principal').userId, id, conflict);
    c.get('written')();
    return c.json(file, 200);
  });

  app.openapi(purgeRoute, async (c) => {
    const asking = { principal: c.get('principal'), caller: c.get('caller') };
    await c.get('services').trash.purge(asking, c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(emptyRoute, async (c) => {
    const asking = { principal: c.get('principal'), caller: c.get('caller') };
    const left = await c.get('services').trash.empty(asking, c.req.valid('query').driveId);
    c.get('written')();
    return c.json(left, 202);
  });
}
