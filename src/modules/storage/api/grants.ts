import { createRoute } from '@hono/zod-openapi';
import { filePageSchema } from '../../../contracts/storage.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/files.ts';
import {
  accessPageSchema,
  accessQuerySchema,
  createGrantSchema,
  grantPageSchema,
  grantParamsSchema,
  grantSchema,
  grantsQuerySchema,
  sharedQuerySchema,
  updateGrantSchema,
} from '../models/grants.ts';
import type { StorageApp } from './app.ts';
import { askerOf } from './asker.ts';
import { permitCreation } from './idempotency.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/grants',
  tags: ['access'],
  summary: 'Grants on a file or folder and on the folders around it',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: grantsQuerySchema },
  responses: { 200: json(grantPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const createGrantRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/grants',
  tags: ['access'],
  summary: 'Share with a person, a group or a workspace; the same principal again gets the new role',
  ...permitCreation('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(createGrantSchema) },
  responses: { 201: json(grantSchema, 'The grant'), ...problems(400, 401, 403, 404, 409, 422, 429, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/files/{id}/grants/{grantId}',
  tags: ['access'],
  summary: 'Another role, or another end',
  ...permit('files:write'),
  request: { params: grantParamsSchema, body: jsonBody(updateGrantSchema) },
  responses: { 200: json(grantSchema, 'The grant'), ...problems(400, 401, 403, 404, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}/grants/{grantId}',
  tags: ['access'],
  summary: 'Take a grant back, at once',
  ...permit('files:write'),
  request: { params: grantParamsSchema },
  responses: { 204: { description: 'It is gone' }, ...problems(400, 401, 403, 404, 503) },
});

const accessRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/access',
  tags: ['access'],
  summary: 'Who can do what, and which rule says so',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: accessQuerySchema },
  responses: { 200: json(accessPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const sharedRoute = createRoute({
  method: 'get',
  path: '/v1/shared',
  tags: ['access'],
  summary: 'What others have shared with me, the newest first',
  ...permit('files:read'),
  request: { query: sharedQuerySchema },
  responses: { 200: json(filePageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const leaveRoute = createRoute({
  method: 'delete',
  path: '/v1/shared/{id}',
  tags: ['access'],
  summary: 'Have nothing to do any more with what somebody shared with me or a group of mine',
  ...permit('files:write'),
  request: { params: fileParamsSchema },
  responses: { 204: { description: 'It is gone' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountGrants(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(
      await c.get('services').grants.list(c.get('principal').userId, id, c.req.valid('query')),
      200,
    );
  });

  app.openapi(createGrantRoute, async (c) => {
    const { id } = c.req.valid('param');
    const grant = await c
      .get('services')
      .grants.share(askerOf(c), id, c.req.valid('json'), c.get('resourceUuid'));
    c.get('written')();
    return c.json(grant, 201, { location: `/v1/files/${id}/grants/${grant.id}` });
  });

  app.openapi(updateRoute, async (c) => {
    const { id, grantId } = c.req.valid('param');
    const grant = await c.get('services').grants.update(askerOf(c), id, grantId, c.req.valid('json'));
    c.get('written')();
    return c.json(grant, 200);
  });

  app.openapi(removeRoute, async (c) => {
    const { id, grantId } = c.req.valid('param');
    await c.get('services').grants.remove(askerOf(c), id, grantId);
    c.get('written')();
    return c.body(null, 204);
  });

  app.openapi(accessRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(
      await c.get('services').grants.explain(c.get('principal').userId, id, c.req.valid('query')),
      200,
    );
  });

  app.openapi(sharedRoute, async (c) => {
    return c.json(
      await c.get('services').grants.shared(c.get('principal').userId, c.req.valid('query')),
      200,
    );
  });

  app.openapi(leaveRoute, async (c) => {
    await c.get('services').grants.leave(askerOf(c), c.req.valid('param').id);
    c.get('written')();
    return c.body(null, 204);
  });
}
