import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { permit } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { downloadQuerySchema } from '../models/downloads.ts';
import { fileParamsSchema, versionParamsSchema } from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp, StorageVariables } from './app.ts';
import { serveContent } from './serve-content.ts';

const bytesContent = {
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
} as const;

const responses = {
  200: { description: 'The bytes', content: bytesContent },
  206: { description: 'The range', content: bytesContent },
  302: { description: 'With `redirect=true`: where the bytes are, for a minute' },
  304: { description: 'Not modified' },
  ...problems(400, 401, 403, 404, 409, 412, 416, 503),
};

const contentRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/content',
  tags: ['files'],
  summary: 'The bytes of the current version, or a range of them',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: downloadQuerySchema },
  responses,
});

const versionContentRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/versions/{versionId}/content',
  tags: ['versions'],
  summary: 'The bytes of a version, or a range of them',
  ...permit('files:read'),
  request: { params: versionParamsSchema, query: downloadQuerySchema },
  responses,
});

export function mountDownloads(app: StorageApp): void {
  app.openapi(contentRoute, async (c) => {
    const { downloads } = c.get('services');
    const content = await downloads.content(actorOf(c), c.req.valid('param').id);
    const { redirect, disposition } = c.req.valid('query');
    return serveContent(c.req.raw, {
      content,
      keeping: 'revalidated',
      inline: disposition === 'inline',
      bytes: (span) => downloads.bytes(content.version.object, span, c.req.raw.signal),
      redirect: redirect ? (name) => downloads.redirect(content, name) : undefined,
    });
  });

  app.openapi(versionContentRoute, async (c) => {
    const { downloads } = c.get('services');
    const { id, versionId } = c.req.valid('param');
    const content = await downloads.contentOfVersion(actorOf(c), id, versionId);
    const { redirect, disposition } = c.req.valid('query');
    return serveContent(c.req.raw, {
      content,
      keeping: 'immutable',
      inline: disposition === 'inline',
      bytes: (span) => downloads.bytes(content.version.object, span, c.req.raw.signal),
      redirect: redirect ? (name) => downloads.redirect(content, name) : undefined,
    });
  });
}

function actorOf(c: Context<{ Bindings: object; Variables: StorageVariables }>) {
  return asUser(c.get('principal').userId);
}
