import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  createWebhookSchema,
  deliveriesQuerySchema,
  deliveryPageSchema,
  deliveryParamsSchema,
  deliverySchema,
  newWebhookSchema,
  updateWebhookSchema,
  webhookPageSchema,
  webhookParamsSchema,
  webhookSchema,
  webhooksQuerySchema,
} from '../models/webhooks.ts';
import type { StorageApp } from './app.ts';

const tags = ['webhooks'];
const request = { params: webhookParamsSchema };

const createWebhookRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks',
  tags,
  summary: 'Be told of what happens in a drive that you manage',
  description: 'The secret that signs is shown in this answer only.',
  ...permit('files:write'),
  request: { body: jsonBody(createWebhookSchema) },
  responses: { 201: json(newWebhookSchema, 'The webhook'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks',
  tags,
  summary: 'Webhooks of the drives that you manage',
  ...permit('files:read'),
  request: { query: webhooksQuerySchema },
  responses: { 200: json(webhookPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks/{id}',
  tags,
  summary: 'A webhook',
  ...permit('files:read'),
  request,
  responses: { 200: json(webhookSchema, 'The webhook'), ...problems(400, 401, 403, 404, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/webhooks/{id}',
  tags,
  summary: 'Change where it leads and what it tells, or switch it on or off',
  ...permit('files:write'),
  request: { ...request, body: jsonBody(updateWebhookSchema) },
  responses: { 200: json(webhookSchema, 'The webhook'), ...problems(400, 401, 403, 404, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/webhooks/{id}',
  tags,
  summary: 'Delete it with its deliveries',
  ...permit('files:write'),
  request,
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 503) },
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/rotate-secret',
  tags,
  summary: 'A new secret; the old one signs too for a day',
  ...permit('files:write'),
  request,
  responses: { 200: json(newWebhookSchema, 'The webhook'), ...problems(400, 401, 403, 404, 503) },
});

const testRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/test',
  tags,
  summary: 'Send an event of type webhook.test',
  ...permit('files:write'),
  request,
  responses: { 202: json(deliverySchema, 'The delivery'), ...problems(400, 401, 403, 404, 409, 503) },
});

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks/{id}/deliveries',
  tags,
  summary: 'What was sent and what will be, newest first',
  ...permit('files:read'),
  request: { ...request, query: deliveriesQuerySchema },
  responses: { 200: json(deliveryPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const replayRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/deliveries/{deliveryId}/replay',
  tags,
  summary: 'Send it again, under the same id',
  ...permit('files:write'),
  request: { params: deliveryParamsSchema },
  responses: { 202: json(deliverySchema, 'The delivery'), ...problems(400, 401, 403, 404, 409, 503) },
});

const NO_STORE = { 'cache-control': 'no-store' };

export function mountWebhooks(app: StorageApp): void {
  mountManagement(app);
  mountDeliveries(app);
}

function mountManagement(app: StorageApp): void {
  app.openapi(createWebhookRoute, async (c) => {
    const { webhooks } = c.get('services');
    const made = await webhooks.create(c.req.valid('json'), c.get('principal'), c.get('caller'));
    return c.json(made, 201, { location: `/v1/webhooks/${made.id}`, ...NO_STORE });
  });

  app.openapi(listRoute, async (c) => {
    return c.json(
      await c.get('services').webhooks.list(c.get('principal').userId, c.req.valid('query')),
      200,
    );
  });

  app.openapi(getRoute, async (c) => {
    return c.json(
      await c.get('services').webhooks.get(c.get('principal').userId, c.req.valid('param').id),
      200,
    );
  });

  app.openapi(updateRoute, async (c) => {
    const { webhooks } = c.get('services');
    const { id } = c.req.valid('param');
    return c.json(await webhooks.update(id, c.req.valid('json'), c.get('principal'), c.get('caller')), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { webhooks } = c.get('services');
    await webhooks.delete(c.req.valid('param').id, c.get('principal'), c.get('caller'));
    return c.body(null, 204);
  });

  app.openapi(rotateRoute, async (c) => {
    const { webhooks } = c.get('services');
    const { id } = c.req.valid('param');
    return c.json(await webhooks.rotateSecret(id, c.get('principal'), c.get('caller')), 200, NO_STORE);
  });
}

function mountDeliveries(app: StorageApp): void {
  app.openapi(testRoute, async (c) => {
    const { webhooks } = c.get('services');
    const delivery = await webhooks.test(c.get('principal').userId, c.req.valid('param').id);
    c.get('written')();
    return c.json(delivery, 202);
  });

  app.openapi(deliveriesRoute, async (c) => {
    const { webhooks } = c.get('services');
    const { id } = c.req.valid('param');
    return c.json(await webhooks.deliveries(c.get('principal').userId, id, c.req.valid('query')), 200);
  });

  app.openapi(replayRoute, async (c) => {
    const { webhooks } = c.get('services');
    const { id, deliveryId } = c.req.valid('param');
    const delivery = await webhooks.replay(c.get('principal').userId, id, deliveryId);
    c.get('written')();
    return c.json(delivery, 202);
  });
}
