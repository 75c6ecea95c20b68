import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import type { StorageApp } from './app.ts';

const countsSchema = z.object({
  hits: z.int().nonnegative(),
  misses: z.int().nonnegative(),
  /** Answered 304 without looking. */
  unchanged: z.int().nonnegative(),
});

const cacheRoute = createRoute({
  method: 'get',
  path: '/v1/admin/storage/cache',
  tags: ['administration'],
  summary: 'How often answers were remembered, in the isolate that answers',
  ...permit('configuration:write'),
  responses: { 200: json(countsSchema, 'The counts'), ...problems(401, 403, 503) },
});

export function mountAdminCache(app: StorageApp): void {
  app.openapi(cacheRoute, async (c) => c.json(c.get('services').answers.counts(), 200));
}
