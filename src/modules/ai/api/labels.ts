import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/analysis.ts';
import { driveParamsSchema } from '../models/drives.ts';
import {
  categoriesSchema,
  categoryParamsSchema,
  correctionSchema,
  createLabelSchema,
  labelPageSchema,
  labelParamsSchema,
  labelSchema,
  labelsQuerySchema,
  updateLabelSchema,
} from '../models/labels.ts';
import type { AiApp } from './app.ts';
import { askerOf } from './asker.ts';

const tags = ['labels'];
const LATER =
  'Files that were classified before keep their categories until somebody asks for more: `POST /v1/batches` with the operation `classify`.';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/labels',
  tags,
  summary: 'What a drive sorts its files into; none: the default taxonomy',
  ...permit('files:read'),
  request: { params: driveParamsSchema, query: labelsQuerySchema },
  responses: { 200: json(labelPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const createLabelRoute = createRoute({
  method: 'post',
  path: '/v1/drives/{driveId}/labels',
  tags,
  summary: 'Make a label, with a description and example files',
  description: LATER,
  ...permit('files:write'),
  request: { params: driveParamsSchema, body: jsonBody(createLabelSchema) },
  responses: { 201: json(labelSchema, 'The label'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/drives/{driveId}/labels/{labelId}',
  tags,
  summary: 'Change name, description or examples',
  description: LATER,
  ...permit('files:write'),
  request: { params: labelParamsSchema, body: jsonBody(updateLabelSchema) },
  responses: { 200: json(labelSchema, 'The label'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/drives/{driveId}/labels/{labelId}',
  tags,
  summary: 'Delete a label, with its rules and what was said about it',
  ...permit('files:write'),
  request: { params: labelParamsSchema },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 503) },
});

const categoriesRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/categories',
  tags,
  summary: 'What a file is filed under',
  ...permit('files:read'),
  request: { params: fileParamsSchema },
  responses: { 200: json(categoriesSchema, 'The categories'), ...problems(400, 401, 403, 404, 409, 503) },
});

const correctRoute = createRoute({
  method: 'put',
  path: '/v1/files/{id}/categories/{label}',
  tags,
  summary: 'Say that a category is right or wrong for a file',
  description:
    'It counts at once, whatever was found; similar files are classified with it in mind from then on.',
  ...permit('files:write'),
  request: { params: categoryParamsSchema, body: jsonBody(correctionSchema) },
  responses: {
    200: json(categoriesSchema, 'The categories as they are now'),
    ...problems(400, 401, 403, 404, 409, 413, 503),
  },
});

const forgetRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}/categories/{label}',
  tags,
  summary: 'Forget what was said of a category',
  ...permit('files:write'),
  request: { params: categoryParamsSchema },
  responses: { 204: { description: 'Forgotten' }, ...problems(400, 401, 403, 404, 409, 503) },
});

export function mountLabels(app: AiApp): void {
  app.openapi(listRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    const { userId } = c.get('principal');
    return c.json(await c.get('services').labels.list(userId, driveId, c.req.valid('query')), 200);
  });

  app.openapi(createLabelRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').labels.create(askerOf(c), driveId, c.req.valid('json')), 201);
  });

  app.openapi(updateRoute, async (c) => {
    const { driveId, labelId } = c.req.valid('param');
    const { labels } = c.get('services');
    return c.json(await labels.update(askerOf(c), driveId, labelId, c.req.valid('json')), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { driveId, labelId } = c.req.valid('param');
    await c.get('services').labels.delete(askerOf(c), driveId, labelId);
    return c.body(null, 204);
  });

  app.openapi(categoriesRoute, async (c) => {
    const { corrections } = c.get('services');
    return c.json(await corrections.categories(c.get('principal').userId, c.req.valid('param').id), 200);
  });

  app.openapi(correctRoute, async (c) => {
    const { id, label } = c.req.valid('param');
    const { correct } = c.req.valid('json');
    const { corrections } = c.get('services');
    return c.json(await corrections.correct(c.get('principal').userId, id, label, correct), 200);
  });

  app.openapi(forgetRoute, async (c) => {
    const { id, label } = c.req.valid('param');
    await c.get('services').corrections.correct(c.get('principal').userId, id, label, null);
    return c.body(null, 204);
  });
}
