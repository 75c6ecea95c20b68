import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { analysisSchema, fileParamsSchema } from '../models/analysis.ts';
import type { AiApp } from './app.ts';

const analysisRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/analysis',
  tags: ['analysis'],
  summary: 'What is known of the content of the current version',
  ...permit('files:read'),
  request: { params: fileParamsSchema },
  responses: { 200: json(analysisSchema, 'The analysis'), ...problems(400, 401, 403, 404, 409, 503) },
});

export function mountAnalysis(app: AiApp): void {
  app.openapi(analysisRoute, async (c) => {
    return c.json(
      await c.get('services').analyses.of(c.get('principal').userId, c.req.valid('param').id),
      200,
    );
  });
}
