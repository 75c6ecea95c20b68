import { createRoute } from '@hono/zod-openapi';
import { coreError } from '../../../core/http/app-error.ts';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import { changePageSchema, changesQuerySchema, latestChangeSchema } from '../models/changes.ts';
import type { StorageApp } from './app.ts';

const changesRoute = createRoute({
  method: 'get',
  path: '/v1/changes',
  tags: ['changes'],
  summary: 'What happened to the files that you get to see, oldest first',
  description:
    'Each entry shows the file as it is now. To begin: take a cursor from /v1/changes/latest, then list what there is, then read from that cursor.',
  ...permit('files:read'),
  request: { query: changesQuerySchema },
  responses: { 200: json(changePageSchema, 'A page'), ...problems(400, 401, 403, 410, 503) },
});

const latestRoute = createRoute({
  method: 'get',
  path: '/v1/changes/latest',
  tags: ['changes'],
  summary: 'A cursor to begin from',
  description: 'Take it before you list: what changes while you do then comes with the feed.',
  ...permit('files:read'),
  responses: { 200: json(latestChangeSchema, 'Where the feed is now'), ...problems(401, 403, 503) },
});

export function mountChanges(app: StorageApp): void {
  app.openapi(changesRoute, async (c) => {
    const { authenticator } = c.get('guard');
    const page = await c.get('services').changes.read(c.get('principal').userId, c.req.valid('query'), {
      signal: c.req.raw.signal,
      stillAllowed: async () => {
        const principal = await authenticator.authenticate(c.get('credential'), c.get('caller').address);
        if (!principal.permissions.has('files:read'))
          throw coreError(principal.restriction ?? 'permission_denied');
      },
    });
    return c.json(page, 200, { 'cache-control': 'no-store' });
  });

  app.openapi(latestRoute, async (c) => {
    const latest = await c.get('services').changes.latest(c.get('principal').userId);
    return c.json(latest, 200, { 'cache-control': 'no-store' });
  });
}
