import { createRoute, z } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  batchItemPageSchema,
  batchItemQuerySchema,
  batchListQuerySchema,
  batchPageSchema,
  batchParamsSchema,
  batchRequestSchema,
  batchSchema,
} from '../models/batches.ts';
import type { AiApp } from './app.ts';

const tags = ['batches'];

const createBatch = createRoute({
  method: 'post',
  path: '/v1/batches',
  tags,
  summary: 'Analyse, classify, embed or extract many files',
  description:
    'Takes the files that the caller may change; a batch works after everything that somebody waits for.',
  ...permit('files:write'),
  request: { body: jsonBody(batchRequestSchema) },
  responses: { 201: json(batchSchema, 'The batch'), ...problems(400, 401, 403, 413, 415, 422, 503) },
});

const listBatches = createRoute({
  method: 'get',
  path: '/v1/batches',
  tags,
  summary: 'Own batches, the newest first',
  ...permit('files:read'),
  request: { query: batchListQuerySchema },
  responses: { 200: json(batchPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const getBatch = createRoute({
  method: 'get',
  path: '/v1/batches/{id}',
  tags,
  summary: 'How far a batch is',
  ...permit('files:read'),
  request: { params: batchParamsSchema },
  responses: { 200: json(batchSchema, 'The batch'), ...problems(400, 401, 403, 404, 503) },
});

const listItems = createRoute({
  method: 'get',
  path: '/v1/batches/{id}/items',
  tags,
  summary: 'What became of each file, and why',
  ...permit('files:read'),
  request: { params: batchParamsSchema, query: batchItemQuerySchema },
  responses: { 200: json(batchItemPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const commandBatch = createRoute({
  method: 'post',
  path: '/v1/batches/{id}/{command}',
  tags,
  summary: 'Pause, resume, cancel, or try again what failed',
  ...permit('files:write'),
  request: {
    params: batchParamsSchema.extend({ command: z.enum(['pause', 'resume', 'cancel', 'retry']) }),
  },
  responses: { 200: json(batchSchema, 'The batch'), ...problems(400, 401, 403, 404, 409, 503) },
});

export function mountBatches(app: AiApp): void {
  app.openapi(createBatch, async (c) => {
    const caller = {
      userId: c.get('principal').userId,
      credential: c.get('credential'),
      address: c.get('caller').address,
    };
    return c.json(await c.get('services').batches.create(caller, c.req.valid('json')), 201);
  });
  app.openapi(listBatches, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const page = await c.get('services').batches.list(c.get('principal').userId, limit, cursor);
    return c.json({ ...page, items: [...page.items] }, 200);
  });
  app.openapi(getBatch, async (c) =>
    c.json(await c.get('services').batches.find(c.get('principal').userId, c.req.valid('param').id), 200),
  );
  app.openapi(listItems, async (c) => {
    const { id } = c.req.valid('param');
    const page = await c.get('services').batches.items(c.get('principal').userId, id, c.req.valid('query'));
    return c.json({ ...page, items: [...page.items] }, 200);
  });
  app.openapi(commandBatch, async (c) => {
    const { id, command } = c.req.valid('param');
    return c.json(await c.get('services').batches.command(c.get('principal').userId, id, command), 200);
  });
}
