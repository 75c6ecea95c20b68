import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { driveParamsSchema } from '../models/drives.ts';
import {
  createRuleSchema,
  rulePageSchema,
  ruleParamsSchema,
  ruleRunPageSchema,
  ruleRunsQuerySchema,
  ruleSchema,
  rulesQuerySchema,
  updateRuleSchema,
} from '../models/rules.ts';
import type { RuleAsker } from '../service/rules.ts';
import type { AiApp, AiVariables } from './app.ts';
import { askerOf } from './asker.ts';

const tags = ['rules'];

const listRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/rules',
  tags,
  summary: 'What is done with files that get a label',
  ...permit('files:read'),
  request: { params: driveParamsSchema, query: rulesQuerySchema },
  responses: { 200: json(rulePageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const createRuleRoute = createRoute({
  method: 'post',
  path: '/v1/drives/{driveId}/rules',
  tags,
  summary: 'Make a rule: tag or move files that get a label',
  description:
    'It acts on files that are classified from now on, once on each version, with the rights that its maker has then.',
  ...permit('files:write'),
  request: { params: driveParamsSchema, body: jsonBody(createRuleSchema) },
  responses: { 201: json(ruleSchema, 'The rule'), ...problems(400, 401, 403, 404, 409, 413, 503) },
});

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/drives/{driveId}/rules/{ruleId}',
  tags,
  summary: 'Change a rule; it acts with your rights from then on',
  ...permit('files:write'),
  request: { params: ruleParamsSchema, body: jsonBody(updateRuleSchema) },
  responses: { 200: json(ruleSchema, 'The rule'), ...problems(400, 401, 403, 404, 413, 503) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/drives/{driveId}/rules/{ruleId}',
  tags,
  summary: 'Delete a rule; what it has done stays',
  ...permit('files:write'),
  request: { params: ruleParamsSchema },
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404, 503) },
});

const runsRoute = createRoute({
  method: 'get',
  path: '/v1/drives/{driveId}/rules/{ruleId}/runs',
  tags,
  summary: 'What a rule did to files that you see, newest version first',
  ...permit('files:read'),
  request: { params: ruleParamsSchema, query: ruleRunsQuerySchema },
  responses: { 200: json(ruleRunPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

export function mountRules(app: AiApp): void {
  app.openapi(listRoute, async (c) => {
    const { rules } = c.get('services');
    const { driveId } = c.req.valid('param');
    return c.json(await rules.list(c.get('principal').userId, driveId, c.req.valid('query')), 200);
  });

  app.openapi(createRuleRoute, async (c) => {
    const { driveId } = c.req.valid('param');
    return c.json(await c.get('services').rules.create(ruleAskerOf(c), driveId, c.req.valid('json')), 201);
  });

  app.openapi(updateRoute, async (c) => {
    const { driveId, ruleId } = c.req.valid('param');
    const { rules } = c.get('services');
    return c.json(await rules.update(ruleAskerOf(c), driveId, ruleId, c.req.valid('json')), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { driveId, ruleId } = c.req.valid('param');
    await c.get('services').rules.delete(askerOf(c), driveId, ruleId);
    return c.body(null, 204);
  });

  app.openapi(runsRoute, async (c) => {
    const { driveId, ruleId } = c.req.valid('param');
    const { rules } = c.get('services');
    return c.json(await rules.runs(c.get('principal').userId, driveId, ruleId, c.req.valid('query')), 200);
  });
}

const ruleAskerOf = (c: Context<{ Bindings: object; Variables: AiVariables }>): RuleAsker => ({
  ...askerOf(c),
  inTheName: {
    userId: c.get('principal').userId,
    credential: c.get('credential'),
    address: c.get('caller').address,
  },
});
