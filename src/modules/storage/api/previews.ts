import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { permit } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { thumbnailQuerySchema } from '../models/downloads.ts';
import { fileParamsSchema, versionParamsSchema } from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { LiveContent } from '../service/content.ts';
import type { PreviewWidth } from '../service/previews.ts';
import type { StorageApp, StorageVariables } from './app.ts';
import { serveContent } from './serve-content.ts';

const responses = {
  200: {
    description: 'The picture',
    content: { 'image/webp': { schema: { type: 'string', format: 'binary' } } },
  },
  206: { description: 'A range of it' },
  304: { description: 'Not modified' },
  ...problems(400, 401, 403, 404, 409, 412, 416, 503),
} as const;

const thumbnailRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/thumbnail',
  tags: ['files'],
  summary: 'A small picture of the content, of images and the first page of PDFs',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: thumbnailQuerySchema },
  responses,
});

const versionThumbnailRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/versions/{versionId}/thumbnail',
  tags: ['versions'],
  summary: 'A small picture of the content of a version',
  ...permit('files:read'),
  request: { params: versionParamsSchema, query: thumbnailQuerySchema },
  responses,
});

type StorageContext = Context<{ Bindings: object; Variables: StorageVariables }>;

export function mountPreviews(app: StorageApp): void {
  app.openapi(thumbnailRoute, async (c) => {
    const actor = asUser(c.get('principal').userId);
    const content = await c.get('services').downloads.content(actor, c.req.valid('param').id);
    return servePreview(c, content, c.req.valid('query').width);
  });

  app.openapi(versionThumbnailRoute, async (c) => {
    const actor = asUser(c.get('principal').userId);
    const { id, versionId } = c.req.valid('param');
    const content = await c.get('services').downloads.contentOfVersion(actor, id, versionId);
    return servePreview(c, content, c.req.valid('query').width);
  });
}

export async function servePreview(
  c: StorageContext,
  content: LiveContent,
  width: PreviewWidth,
): Promise<Response> {
  const { previews } = c.get('services');
  const { signal } = c.req.raw;
  const preview = await previews.preview(content, { width, requestId: c.get('requestId'), signal });
  return serveContent(c.req.raw, {
    content: preview,
    keeping: 'revalidated',
    inline: true,
    bytes: (span) => previews.bytes(preview, span, signal),
  });
}
