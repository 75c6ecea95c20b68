import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { fileParamsSchema } from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { Zip } from '../service/zip.ts';
import type { StorageApp } from './app.ts';
import { attachment } from './content-headers.ts';

const zipRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/zip',
  tags: ['files'],
  summary: 'A folder with all that the caller sees in it, as one archive',
  ...permit('files:read'),
  request: { params: fileParamsSchema },
  responses: {
    200: {
      description: 'The archive',
      content: { 'application/zip': { schema: { type: 'string', format: 'binary' } } },
    },
    ...problems(400, 401, 403, 404, 409, 503),
  },
});

export function mountZip(app: StorageApp): void {
  app.openapi(zipRoute, async (c) => {
    const actor = asUser(c.get('principal').userId);
    return serveZip(c.req.raw, await c.get('services').zip.zip(actor, c.req.valid('param').id));
  });
}

export function serveZip(request: Request, { name, size, body }: Zip): Response {
  const headers = {
    'content-type': 'application/zip',
    'content-length': String(size),
    'content-disposition': attachment(name),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'private, no-store',
    'accept-ranges': 'none',
  };
  return new Response(request.method === 'HEAD' ? null : body(), { headers });
}
