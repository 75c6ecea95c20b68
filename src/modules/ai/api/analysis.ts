import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import {
  analysesQuerySchema,
  analysisListSchema,
  analysisSchema,
  askAgainSchema,
  fileParamsSchema,
  textQuerySchema,
  textSchema,
  versionQuerySchema,
} from '../models/analysis.ts';
import type { AiApp } from './app.ts';

const analysisRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/analysis',
  tags: ['analysis'],
  summary: 'What is known of the content of a version, the current one if none is named',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: versionQuerySchema },
  responses: { 200: json(analysisSchema, 'The analysis'), ...problems(400, 401, 403, 404, 409, 503) },
});

const againRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/analysis',
  tags: ['analysis'],
  summary: 'Have the current version analysed again; what was found before is shown until then',
  ...permit('files:write'),
  request: {
    params: fileParamsSchema,
    body: { required: false, content: { 'application/json': { schema: askAgainSchema } } },
  },
  responses: {
    202: json(analysisSchema, 'It is asked for; the analysis as it stands'),
    ...problems(400, 401, 403, 404, 409, 503),
  },
});

const textRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/text',
  tags: ['analysis'],
  summary: 'The text that was read from a version: what citations point into',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: textQuerySchema },
  responses: { 200: json(textSchema, 'A piece of the text'), ...problems(400, 401, 403, 404, 409, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/analyses',
  tags: ['analysis'],
  summary: 'Where the analyses of the files that you see stand, and why; the newest content first',
  ...permit('files:read'),
  request: { query: analysesQuerySchema },
  responses: { 200: json(analysisListSchema, 'A page of them'), ...problems(400, 401, 403, 503) },
});

export function mountAnalysis(app: AiApp): void {
  app.openapi(analysisRoute, async (c) => {
    const { userId } = c.get('principal');
    const { versionId } = c.req.valid('query');
    return c.json(await c.get('services').analyses.of(userId, c.req.valid('param').id, versionId), 200);
  });
  app.openapi(againRoute, async (c) => {
    const { userId } = c.get('principal');
    const { stages } = c.req.valid('json') ?? {};
    return c.json(await c.get('services').analyses.askAgain(userId, c.req.valid('param').id, stages), 202);
  });
  app.openapi(textRoute, async (c) => {
    const { userId } = c.get('principal');
    const range = c.req.valid('query');
    return c.json(await c.get('services').analyses.text(userId, c.req.valid('param').id, range), 200);
  });
  app.openapi(listRoute, async (c) => {
    const { userId } = c.get('principal');
    return c.json(await c.get('services').analyses.list(userId, c.req.valid('query')), 200);
  });
}
