import { createRoute, z } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { permissionAnswerSchema, permissionsQuerySchema, permissionsSchema } from '../models/permissions.ts';
import type { AuthApp } from './app.ts';
import { NO_STORE } from './tokens.ts';

const permissionsRoute = createRoute({
  method: 'get',
  path: '/v1/auth/permissions',
  tags: ['auth'],
  summary: 'What the caller may do, and why not the rest',
  description:
    'With `?permission=files:write` the answer is about that one: `{permission, allowed, because}`.',
  ...permit('account:read'),
  request: { query: permissionsQuerySchema },
  responses: {
    200: json(z.union([permissionsSchema, permissionAnswerSchema]), 'The explanation'),
    ...problems(400, 401, 403, 503),
  },
});

export function mountPermissions(app: AuthApp): void {
  app.openapi(permissionsRoute, async (c) => {
    const { permission } = c.req.valid('query');
    const { explainPermissions } = c.get('services');
    const principal = c.get('principal');
    const explained =
      permission === undefined
        ? await explainPermissions.all(principal)
        : await explainPermissions.one(permission, principal);
    return c.json(explained, 200, NO_STORE);
  });
}
