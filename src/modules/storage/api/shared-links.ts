import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { coreError } from '../../../core/http/app-error.ts';
import { open } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { LINK_CALLS_PER_ADDRESS, LINK_UPLOADS_PER_ADDRESS } from '../limits.ts';
import { thumbnailQuerySchema } from '../models/downloads.ts';
import {
  droppedSchema,
  dropQuerySchema,
  linkInfoSchema,
  sharedFilePageSchema,
  sharedFileParamsSchema,
  sharedFileSchema,
  sharedListQuerySchema,
  ticketQuerySchema,
  ticketSchema,
  tokenParamsSchema,
  unlockSchema,
} from '../models/links.ts';
import type { Visit } from '../service/shared-links.ts';
import type { StorageApp, StorageVariables } from './app.ts';
import { servePreview } from './previews.ts';
import { serveContent } from './serve-content.ts';
import { readUpload } from './upload-body.ts';
import { serveZip } from './zip.ts';

const publicCall = { tags: ['links'], ...open, middleware: throttle(LINK_CALLS_PER_ADDRESS) };
const bytesContent = {
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
} as const;
const bytesResponses = {
  200: { description: 'The bytes', content: bytesContent },
  206: { description: 'The range', content: bytesContent },
  304: { description: 'Not modified' },
  ...problems(400, 403, 404, 409, 410, 412, 416, 429, 503),
};

const infoRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}',
  summary: 'What a link leads to',
  ...publicCall,
  request: { params: tokenParamsSchema, query: ticketQuerySchema },
  responses: { 200: json(linkInfoSchema, 'The link'), ...problems(400, 404, 410, 429, 503) },
});

const unlockRoute = createRoute({
  method: 'post',
  path: '/v1/shared-links/{token}/unlock',
  summary: 'Give the password of a link; the ticket goes into the other calls, for an hour',
  ...publicCall,
  request: { params: tokenParamsSchema, body: jsonBody(unlockSchema) },
  responses: { 200: json(ticketSchema, 'The ticket'), ...problems(400, 403, 404, 409, 410, 413, 429, 503) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}/files',
  summary: 'What is in the folder, or in one below it, by name',
  ...publicCall,
  request: { params: tokenParamsSchema, query: sharedListQuerySchema },
  responses: { 200: json(sharedFilePageSchema, 'A page'), ...problems(400, 403, 404, 410, 429, 503) },
});

const fileRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}/files/{fileId}',
  summary: 'A file or folder',
  ...publicCall,
  request: { params: sharedFileParamsSchema, query: ticketQuerySchema },
  responses: { 200: json(sharedFileSchema, 'The file'), ...problems(400, 403, 404, 410, 429, 503) },
});

const contentRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}/files/{fileId}/content',
  summary: 'The bytes of a file, or a range of them; each answer with bytes counts as a download',
  ...publicCall,
  request: { params: sharedFileParamsSchema, query: ticketQuerySchema },
  responses: bytesResponses,
});

const thumbnailRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}/files/{fileId}/thumbnail',
  summary: 'A small picture of the content',
  ...publicCall,
  request: { params: sharedFileParamsSchema, query: ticketQuerySchema.extend(thumbnailQuerySchema.shape) },
  responses: bytesResponses,
});

const zipRoute = createRoute({
  method: 'get',
  path: '/v1/shared-links/{token}/files/{fileId}/zip',
  summary: 'A folder as one archive; counts as one download',
  ...publicCall,
  request: { params: sharedFileParamsSchema, query: ticketQuerySchema },
  responses: {
    200: { description: 'The archive', content: bytesContent },
    ...problems(400, 403, 404, 409, 410, 429, 503),
  },
});

const dropRoute = createRoute({
  method: 'post',
  path: '/v1/shared-links/{token}/files',
  tags: ['links'],
  summary: 'Put a file into the folder of a link for uploads',
  ...open,
  middleware: throttle(LINK_UPLOADS_PER_ADDRESS),
  request: {
    params: tokenParamsSchema,
    query: dropQuerySchema,
    body: { required: true, content: bytesContent },
  },
  responses: {
    201: json(droppedSchema, 'It is there'),
    ...problems(400, 403, 404, 409, 410, 411, 413, 422, 429, 503, 507),
  },
});

export function mountSharedLinks(app: StorageApp): void {
  // Nothing of a link is kept anywhere, and its address goes to no other site.
  app.use('/v1/shared-links/*', async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
    c.header('referrer-policy', 'no-referrer');
  });

  app.openapi(infoRoute, async (c) =>
    c.json(await service(c).info(visitOf(c, c.req.valid('query').ticket)), 200),
  );

  app.openapi(unlockRoute, async (c) => {
    const { password } = c.req.valid('json');
    return c.json(await service(c).unlock(visitOf(c, undefined), password), 200);
  });

  app.openapi(listRoute, async (c) => {
    const { ticket, ...query } = c.req.valid('query');
    return c.json(await service(c).list(visitOf(c, ticket), query), 200);
  });

  app.openapi(fileRoute, async (c) => {
    const { fileId } = c.req.valid('param');
    return c.json(await service(c).file(visitOf(c, c.req.valid('query').ticket), fileId), 200);
  });

  app.openapi(contentRoute, async (c) => {
    const { fileId } = c.req.valid('param');
    const { content, bytes } = await service(c).content(visitOf(c, c.req.valid('query').ticket), fileId);
    return serveContent(c.req.raw, {
      content,
      keeping: 'revalidated',
      inline: false,
      bytes: (span) => bytes(span, c.req.raw.signal),
    });
  });

  app.openapi(thumbnailRoute, async (c) => {
    const { ticket, width } = c.req.valid('query');
    const content = await service(c).preview(visitOf(c, ticket), c.req.valid('param').fileId);
    return servePreview(c, content, width);
  });

  app.openapi(zipRoute, async (c) => {
    const visit = visitOf(c, c.req.valid('query').ticket);
    const isCounted = c.req.method !== 'HEAD';
    return serveZip(c.req.raw, await service(c).zip(visit, c.req.valid('param').fileId, isCounted));
  });

  app.openapi(dropRoute, async (c) => {
    const query = c.req.valid('query');
    const drop = await service(c).drop(visitOf(c, query.ticket));
    const { name, upload } = await readUpload(c.req.raw, query.name);
    if (name === undefined)
      throw coreError('invalid_request', { errors: [{ field: 'name', message: 'is required' }] });
    const dropped = await drop(name, upload);
    c.get('written')();
    return c.json(dropped, 201);
  });
}

type StorageContext = Context<{ Bindings: object; Variables: StorageVariables }>;

const service = (c: StorageContext) => c.get('services').sharedLinks;

const visitOf = (c: StorageContext, ticket: string | undefined): Visit => ({
  token: c.req.param('token') ?? '',
  ticket,
  caller: c.get('caller'),
});
