import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { driveParamsSchema } from '../models/drives.ts';
import {
  driveTaskParamsSchema,
  modelChoiceRequestSchema,
  modelChoicesSchema,
  modelCommandSchema,
  modelListSchema,
  modelParamsSchema,
  modelSchema,
  taskParamsSchema,
} from '../models/models.ts';
import type { AiApp } from './app.ts';

const tags = ['models'];

const listModels = createRoute({
  method: 'get',
  path: '/v1/models',
  tags,
  summary: 'Models that are known, where they are, and how they do',
  ...permit('files:read'),
  responses: { 200: json(modelListSchema, 'The registry'), ...problems(401, 403, 503) },
});

const getChoices = createRoute({
  method: 'get',
  path: '/v1/models/defaults',
  tags,
  summary: 'Which model does which task, where a drive has not chosen',
  description:
    'With how far the next one is in everybody’s files: for who may choose. `/v1/drives/{driveId}/models` says what a drive uses.',
  ...permit('models:write'),
  responses: { 200: json(modelChoicesSchema, 'The choices'), ...problems(401, 403, 503) },
});

const putChoice = createRoute({
  method: 'put',
  path: '/v1/models/defaults/{task}',
  tags,
  summary: 'Choose the model of a task',
  description:
    'Another embedding model answers as soon as it has made the vectors of everything; until then the present one does.',
  ...permit('models:write'),
  request: { params: taskParamsSchema, body: jsonBody(modelChoiceRequestSchema) },
  responses: {
    200: json(modelChoicesSchema, 'The choices'),
    ...problems(400, 401, 403, 404, 413, 415, 422, 503),
  },
});

const getModel = createRoute({
  method: 'get',
  path: '/v1/models/{id}',
  tags,
  summary: 'One model, with its figures',
  ...permit('files:read'),
  request: { params: modelParamsSchema },
  responses: { 200: json(modelSchema, 'The model'), ...problems(400, 401, 403, 404, 503) },
});

const commandModel = createRoute({
  method: 'post',
  path: '/v1/models/{id}/{command}',
  tags,
  summary: 'Pull, warm, unload, pin or unpin a model',
  description: 'Pulling and warming go on after the answer; the entry says how far they are.',
  ...permit('models:write'),
  request: { params: modelParamsSchema.extend({ command: modelCommandSchema }) },
  responses: { 202: json(modelSchema, 'The model'), ...problems(400, 401, 403, 404, 409, 503) },
});

const deleteModel = createRoute({
  method: 'delete',
  path: '/v1/models/{id}',
  tags,
  summary: 'Remove the files of a model that nothing uses',
  ...permit('models:write'),
  request: { params: modelParamsSchema },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 409, 503) },
});

const getDriveChoices = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/models',
  tags,
  summary: 'Which model does which task in a drive',
  ...permit('files:read'),
  request: { params: driveParamsSchema },
  responses: { 200: json(modelChoicesSchema, 'The choices'), ...problems(400, 401, 403, 404, 503) },
});

const putDriveChoice = createRoute({
  method: 'put',
  path: '/v1/drives/{driveId}/models/{task}',
  tags,
  summary: 'Choose the model of a task in a drive',
  ...permit('files:write'),
  request: { params: driveTaskParamsSchema, body: jsonBody(modelChoiceRequestSchema) },
  responses: {
    200: json(modelChoicesSchema, 'The choices'),
    ...problems(400, 401, 403, 404, 413, 415, 422, 503),
  },
});

const deleteDriveChoice = createRoute({
  method: 'delete',
  path: '/v1/drives/{driveId}/models/{task}',
  tags,
  summary: 'Go back to the model of the deployment',
  ...permit('files:write'),
  request: { params: driveTaskParamsSchema },
  responses: { 204: { description: 'Forgotten' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountModels(app: AiApp): void {
  app.openapi(listModels, async (c) => c.json(await c.get('services').models.list(), 200));
  app.openapi(getChoices, async (c) =>
    c.json({ items: [...(await c.get('services').models.choices())] }, 200),
  );
  app.openapi(putChoice, async (c) => {
    const asker = { principal: c.get('principal'), caller: c.get('caller') };
    const { task } = c.req.valid('param');
    const items = await c.get('services').models.choose(asker, task, c.req.valid('json').model);
    return c.json({ items: [...items] }, 200);
  });
  app.openapi(getModel, async (c) =>
    c.json(await c.get('services').models.find(c.req.valid('param').id), 200),
  );
  app.openapi(commandModel, async (c) => {
    const { id, command } = c.req.valid('param');
    return c.json(await c.get('services').models.command(id, command), 202);
  });
  app.openapi(deleteModel, async (c) => {
    await c.get('services').models.remove(c.req.valid('param').id);
    return c.body(null, 204);
  });
  app.openapi(getDriveChoices, async (c) => {
    const asker = { principal: c.get('principal'), caller: c.get('caller') };
    const items = await c.get('services').models.driveChoices(asker, c.req.valid('param').driveId);
    return c.json({ items: [...items] }, 200);
  });
  app.openapi(putDriveChoice, async (c) => {
    const asker = { principal: c.get('principal'), caller: c.get('caller') };
    const { driveId, task } = c.req.valid('param');
    const { model } = c.req.valid('json');
    const items = await c.get('services').models.chooseInDrive(asker, driveId, task, model);
    return c.json({ items: [...items] }, 200);
  });
  app.openapi(deleteDriveChoice, async (c) => {
    const asker = { principal: c.get('principal'), caller: c.get('caller') };
    const { driveId, task } = c.req.valid('param');
    await c.get('services').models.forgetInDrive(asker, driveId, task);
    return c.body(null, 204);
  });
}
