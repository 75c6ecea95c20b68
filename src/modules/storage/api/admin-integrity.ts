import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  findingPageSchema,
  findingsQuerySchema,
  fsckRequestSchema,
  fsckStepSchema,
} from '../models/integrity.ts';
import type { StorageApp } from './app.ts';

const tags = ['administration'];

const fsckRoute = createRoute({
  method: 'post',
  path: '/v1/admin/storage/fsck',
  tags,
  summary: 'Compare database and bucket, a piece at a time',
  description: 'At most 1,000 keys, or 20 seconds; call again with `nextCursor` until it is null.',
  ...permit('configuration:write'),
  request: { body: jsonBody(fsckRequestSchema) },
  responses: { 200: json(fsckStepSchema, 'What was found'), ...problems(400, 401, 403, 409, 413, 503) },
});

const findingsRoute = createRoute({
  method: 'get',
  path: '/v1/admin/storage/findings',
  tags,
  summary: 'Orphans in quarantine, and objects that are not served',
  ...permit('configuration:write'),
  request: { query: findingsQuerySchema },
  responses: { 200: json(findingPageSchema, 'A page, by key'), ...problems(400, 401, 403, 503) },
});

export function mountAdminIntegrity(app: StorageApp): void {
  app.openapi(fsckRoute, async (c) => {
    const asking = { principal: c.get('principal'), caller: c.get('caller') };
    const found = await c.get('services').fsck.run(asking, c.req.valid('json'));
    c.get('written')();
    return c.json(found, 200);
  });

  app.openapi(findingsRoute, async (c) =>
    c.json(await c.get('services').fsck.findings(c.req.valid('query')), 200),
  );
}
