import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { policySchema, storedPolicySchema } from '../models/policies.ts';
import { workspaceParamsSchema } from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['policies'];
const DEPLOYMENT = '/v1/admin/policy';
const WORKSPACE = '/v1/workspaces/{id}/policy';
const params = workspaceParamsSchema;
const description =
  'Replaces the whole policy. It cannot keep out whoever sets it: 409 `would_lock_you_out` unless the call comes from ' +
  'an allowed network and, where a second factor is required, from a session that was signed in with one.';

const getRoute = createRoute({
  method: 'get',
  path: DEPLOYMENT,
  tags,
  summary: 'What the deployment asks of everybody',
  ...permit('policies:write'),
  responses: { 200: json(storedPolicySchema, 'The policy'), ...problems(401, 403, 503) },
});

const setRoute = createRoute({
  method: 'put',
  path: DEPLOYMENT,
  tags,
  summary: 'Set what the deployment asks of everybody',
  description,
  ...permit('policies:write', { recent: true }),
  request: { body: jsonBody(policySchema) },
  responses: { 200: json(storedPolicySchema, 'The policy'), ...problems(400, 401, 403, 409, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: DEPLOYMENT,
  tags,
  summary: 'Ask nothing beyond the configuration',
  ...permit('policies:write', { recent: true }),
  responses: { 204: { description: 'No policy any more' }, ...problems(401, 403, 503) },
});

const getOfWorkspaceRoute = createRoute({
  method: 'get',
  path: WORKSPACE,
  tags,
  summary: 'What a workspace asks of its members',
  ...permit('workspaces:read'),
  ...inWorkspace('workspace:read'),
  request: { params },
  responses: { 200: json(storedPolicySchema, 'The policy'), ...problems(400, 401, 403, 404, 503) },
});

const setOfWorkspaceRoute = createRoute({
  method: 'put',
  path: WORKSPACE,
  tags,
  summary: 'Set what a workspace asks of its members; it can only be stricter than the deployment',
  description,
  ...permit('workspaces:write', { recent: true }),
  ...inWorkspace('policy:write'),
  request: { params, body: jsonBody(policySchema) },
  responses: { 200: json(storedPolicySchema, 'The policy'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const deleteOfWorkspaceRoute = createRoute({
  method: 'delete',
  path: WORKSPACE,
  tags,
  summary: 'Take the policy of a workspace away',
  ...permit('workspaces:write', { recent: true }),
  ...inWorkspace('policy:write'),
  request: { params },
  responses: { 204: { description: 'No policy any more' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountPolicies(app: AuthApp): void {
  app.openapi(getRoute, async (c) => c.json(await c.get('services').policyRules.get(), 200, NO_STORE));

  app.openapi(setRoute, async (c) => {
    const stored = await c.get('services').policyRules.set(c.req.valid('json'), askingOf(c));
    return c.json(stored, 200, NO_STORE);
  });

  app.openapi(deleteRoute, async (c) => {
    await c.get('services').policyRules.delete(askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(getOfWorkspaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(await c.get('services').policyRules.getOfWorkspace(id, c.get('principal')), 200, NO_STORE);
  });

  app.openapi(setOfWorkspaceRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { policyRules } = c.get('services');
    return c.json(await policyRules.setOfWorkspace(id, c.req.valid('json'), askingOf(c)), 200, NO_STORE);
  });

  app.openapi(deleteOfWorkspaceRoute, async (c) => {
    await c.get('services').policyRules.deleteOfWorkspace(c.req.valid('param').id, askingOf(c));
    return c.body(null, 204);
  });
}
