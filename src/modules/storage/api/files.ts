import { createRoute } from '@hono/zod-openapi';
import { filePageSchema, fileSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  copyFileSchema,
  createFolderSchema,
  fileParamsSchema,
  listQuerySchema,
  pathQuerySchema,
  summarySchema,
  updateFileSchema,
} from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp } from './app.ts';
import { permitCreation } from './idempotency.ts';
import { remembered } from './remembered.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files',
  tags: ['files'],
  summary: 'What is in a folder',
  ...permit('files:read'),
  request: { query: listQuerySchema },
  responses: { 200: json(filePageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const pathRoute = createRoute({
  method: 'get',
  path: '/v1/files/by-path',
  tags: ['files'],
  summary: 'What is at a path, from the root of a drive',
  ...permit('files:read'),
  request: { query: pathQuerySchema },
  responses: { 200: json(fileSchema, 'The file'), ...problems(400, 401, 403, 404, 503) },
});

const summaryRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/summary',
  tags: ['files'],
  summary: 'How much is in a folder, at any depth',
  ...permit('files:read'),
  request: { params: fileParamsSchema },
  responses: { 200: json(summarySchema, 'Counts'), ...problems(400, 401, 403, 404, 503) },
});

const copyRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/copy',
  tags: ['files'],
  summary: 'Copy a file, or a folder with all that is in it',
  description:
    'The current version, tags and metadata; not grants, links, favourites, comments and older versions.',
  ...permitCreation('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(copyFileSchema) },
  responses: { 201: json(fileSchema, 'The copy'), ...problems(400, 401, 403, 404, 409, 413, 503, 507) },
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
  summary: 'Rename, move, set tags and metadata',
  ...permit('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(updateFileSchema) },
  responses: {
    200: json(fileSchema, 'The file as it is now'),
    ...problems(400, 401, 403, 404, 409, 413, 503, 507),
  },
});

const createFolderRoute = createRoute({
  method: 'post',
  path: '/v1/folders',
  tags: ['files'],
  summary: 'Make a folder',
  ...permitCreation('files:write'),
  request: { body: jsonBody(createFolderSchema) },
  responses: {
    200: json(fileSchema, 'The folder of this name that was there, with `conflict: replace`'),
    201: json(fileSchema, 'The folder'),
    ...problems(400, 401, 403, 404, 409, 413, 503, 507),
  },
});

export function mountFiles(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    const { userId } = c.get('principal');
    const query = c.req.valid('query');
    const list = () => c.get('services').files.list(userId, query);
    return remembered(c, isElsewhere(userId, query) ? undefined : (query.parentId ?? null), list);
  });

  app.openapi(pathRoute, async (c) => {
    const { path, driveId } = c.req.valid('query');
    const { userId } = c.get('principal');
    const find = () => c.get('services').files.byPath(userId, path, driveId);
    return remembered(c, isElsewhere(userId, { driveId }) ? undefined : null, find);
  });

  app.openapi(summaryRoute, async (c) => {
    const actor = asUser(c.get('principal').userId);
    return c.json(await c.get('services').files.summary(actor, c.req.valid('param').id), 200);
  });

  app.openapi(copyRoute, async (c) => {
    const { userId } = c.get('principal');
    const { id } = c.req.valid('param');
    const copy = await c.get('services').files.copy(userId, id, c.req.valid('json'), c.get('resourceUuid'));
    c.get('written')();
    return c.json(copy, 201, { location: `/v1/files/${copy.id}` });
  });

  app.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    return remembered(c, id, () => c.get('services').files.file(asUser(c.get('principal').userId), id));
  });

  app.openapi(updateRoute, async (c) => {
    const { id } = c.req.valid('param');
    const file = await c.get('services').files.update(c.get('principal').userId, id, c.req.valid('json'));
    c.get('written')();
    return c.json(file, 200);
  });

  app.openapi(createFolderRoute, async (c) => {
    const { userId } = c.get('principal');
    const { file, created } = await c
      .get('services')
      .files.createFolder(userId, c.req.valid('json'), c.get('resourceUuid'));
    if (!created) return c.json(file, 200);
    c.get('written')();
    return c.json(file, 201, { location: `/v1/files/${file.id}` });
  });
}

/** At the root of a drive that is not the caller's own. */
const isElsewhere = (
  userId: string,
  { driveId, parentId }: { readonly driveId?: string | undefined; readonly parentId?: string | undefined },
): boolean => parentId === undefined && driveId !== undefined && driveId !== userId;
