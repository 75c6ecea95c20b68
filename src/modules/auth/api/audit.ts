import { createRoute } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import {
  auditPageSchema,
  auditQuerySchema,
  checkpointKeysSchema,
  checkpointPageSchema,
  exportQuerySchema,
  pageQuerySchema,
  workspaceAuditQuerySchema,
  workspaceParamSchema,
} from '../models/audit.ts';
import type { AuthApp } from './app.ts';
import { streamText } from './stream-text.ts';
import { NO_STORE } from './tokens.ts';

const searchRoute = createRoute({
  method: 'get',
  path: '/v1/admin/audit',
  tags: ['audit'],
  summary: 'Entries of the audit log, newest first',
  ...permit('audit:read'),
  request: { query: auditQuerySchema },
  responses: { 200: json(auditPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const exportRoute = createRoute({
  method: 'get',
  path: '/v1/admin/audit/export',
  tags: ['audit'],
  summary: 'The audit log as JSON Lines, which verify offline, or in CEF',
  ...permit('audit:read', { recent: true }),
  request: { query: exportQuerySchema },
  responses: {
    200: { description: 'The lines (docs/audit.md), streamed' },
    ...problems(400, 401, 403, 503),
  },
});

const checkpointsRoute = createRoute({
  method: 'get',
  path: '/v1/admin/audit/checkpoints',
  tags: ['audit'],
  summary: 'Signed ends of the hash chain, newest first',
  ...permit('audit:read'),
  request: { query: pageQuerySchema },
  responses: { 200: json(checkpointPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

const keysRoute = createRoute({
  method: 'get',
  path: '/v1/auth/audit/keys',
  tags: ['audit'],
  summary: 'Public keys that verify checkpoints of the audit log',
  ...open,
  responses: { 200: json(checkpointKeysSchema, 'A key set (RFC 7517)'), ...problems(503) },
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/admin/audit/keys',
  tags: ['audit'],
  summary: 'Sign checkpoints with a new key from now on',
  ...permit('signing-keys:write', { recent: true }),
  responses: { 201: json(checkpointKeysSchema, 'All keys, the new one first'), ...problems(401, 403, 503) },
});

const workspaceRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces/{id}/audit',
  tags: ['audit'],
  summary: 'Entries of the audit log that are about this workspace, newest first',
  ...permit('workspaces:read'),
  request: { params: workspaceParamSchema, query: workspaceAuditQuerySchema },
  responses: { 200: json(auditPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const activityRoute = createRoute({
  method: 'get',
  path: '/v1/auth/activity',
  tags: ['audit'],
  summary: 'What was done in your name, newest first',
  ...permit('account:read'),
  request: { query: pageQuerySchema },
  responses: { 200: json(auditPageSchema, 'A page'), ...problems(400, 401, 403, 503) },
});

export function mountAudit(app: AuthApp): void {
  app.openapi(searchRoute, async (c) => {
    const page = await c
      .get('services')
      .audit.search(c.req.valid('query'), c.get('principal'), c.get('caller'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(exportRoute, async (c) => {
    const query = c.req.valid('query');
    const lines = await c.get('services').audit.export(query, c.get('principal'), c.get('caller'));
    return c.body(streamText(lines), 200, {
      ...NO_STORE,
      'content-type': query.format === 'jsonl' ? 'application/jsonl' : 'text/plain; charset=utf-8',
      'content-disposition': `attachment; filename="audit.${query.format}"`,
    });
  });

  app.openapi(checkpointsRoute, async (c) =>
    c.json(await c.get('services').audit.checkpoints(c.req.valid('query')), 200, NO_STORE),
  );

  app.openapi(keysRoute, async (c) =>
    c.json({ keys: [...(await c.get('services').audit.keys())] }, 200, NO_STORE),
  );

  app.openapi(rotateRoute, async (c) => {
    const keys = await c.get('services').audit.rotateKey(c.get('principal'), c.get('caller'));
    return c.json({ keys: [...keys] }, 201, NO_STORE);
  });

  app.openapi(workspaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { audit } = c.get('services');
    const page = await audit.ofWorkspace(id, c.req.valid('query'), c.get('principal'), c.get('caller'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(activityRoute, async (c) => {
    const page = await c.get('services').audit.ownActivity(c.req.valid('query'), c.get('principal'));
    return c.json(page, 200, NO_STORE);
  });
}
