import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import {
  commentPageSchema,
  commentParamsSchema,
  commentSchema,
  commentsQuerySchema,
  createCommentSchema,
} from '../models/comments.ts';
import { fileParamsSchema } from '../models/files.ts';
import type { StorageApp } from './app.ts';
import { permitCreation } from './idempotency.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/comments',
  tags: ['comments'],
  summary: 'Comments, the newest first',
  ...permit('files:read'),
  request: { params: fileParamsSchema, query: commentsQuerySchema },
  responses: { 200: json(commentPageSchema, 'A page'), ...problems(400, 401, 403, 404, 503) },
});

const addRoute = createRoute({
  method: 'post',
  path: '/v1/files/{id}/comments',
  tags: ['comments'],
  summary: 'Comment on a file or folder',
  ...permitCreation('files:write'),
  request: { params: fileParamsSchema, body: jsonBody(createCommentSchema) },
  responses: { 201: json(commentSchema, 'The comment'), ...problems(400, 401, 403, 404, 409, 422, 503) },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}/comments/{commentId}',
  tags: ['comments'],
  summary: "Delete a comment: one's own, or any as a manager",
  ...permit('files:write'),
  request: { params: commentParamsSchema },
  responses: { 204: { description: 'It is gone' }, ...problems(400, 401, 403, 404, 503) },
});

export function mountComments(app: StorageApp): void {
  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(
      await c.get('services').comments.list(c.get('principal').userId, id, c.req.valid('query')),
      200,
    );
  });

  app.openapi(addRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { text } = c.req.valid('json');
    const comment = await c
      .get('services')
      .comments.add(c.get('principal').userId, id, text, c.get('resourceUuid'));
    c.get('written')();
    return c.json(comment, 201, { location: `/v1/files/${id}/comments/${comment.id}` });
  });

  app.openapi(removeRoute, async (c) => {
    const { id, commentId } = c.req.valid('param');
    await c.get('services').comments.remove(c.get('principal').userId, id, commentId);
    c.get('written')();
    return c.body(null, 204);
  });
}
