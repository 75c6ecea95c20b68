import { createRoute } from '@hono/zod-openapi';
import { permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { pageQuerySchema } from '../models/pages.ts';
import {
  acceptInvitationSchema,
  invitationIdSchema,
  invitationInputSchema,
  invitationPageSchema,
  invitationParamsSchema,
  invitationSchema,
  workspaceParamsSchema,
  workspaceSchema,
} from '../models/workspaces.ts';
import type { AuthApp } from './app.ts';
import { askingOf, inWorkspace } from './asking.ts';
import { NO_STORE } from './tokens.ts';

const tags = ['invitations'];

const inviteRoute = createRoute({
  method: 'post',
  path: '/v1/workspaces/{id}/invitations',
  tags,
  summary: 'Invite an address; the token is in the e-mail only',
  ...permit('workspaces:write'),
  ...inWorkspace('invitations:write'),
  request: { params: workspaceParamsSchema, body: jsonBody(invitationInputSchema) },
  responses: {
    201: json(invitationSchema, 'The invitation; an older one of the address is void'),
    ...problems(400, 401, 403, 404, 409, 413, 429, 503),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/workspaces/{id}/invitations',
  tags,
  summary: 'Invitations that wait for an answer',
  ...permit('workspaces:read'),
  ...inWorkspace('invitations:write'),
  request: { params: workspaceParamsSchema, query: pageQuerySchema(invitationIdSchema) },
  responses: { 200: json(invitationPageSchema, 'A page of them'), ...problems(400, 401, 403, 404, 503) },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/workspaces/{id}/invitations/{invitationId}',
  tags,
  summary: 'Take an invitation back',
  ...permit('workspaces:write'),
  ...inWorkspace('invitations:write'),
  request: { params: invitationParamsSchema },
  responses: { 204: { description: 'Revoked' }, ...problems(400, 401, 403, 404, 503) },
});

const acceptRoute = createRoute({
  method: 'post',
  path: '/v1/invitations/accept',
  tags,
  summary: 'Accept an invitation to the own, verified address',
  ...permit('account:write'),
  request: { body: jsonBody(acceptInvitationSchema) },
  responses: {
    200: json(workspaceSchema, 'The workspace; who was a member keeps their role'),
    ...problems(400, 401, 403, 413, 503),
  },
});

export function mountInvitations(app: AuthApp): void {
  app.openapi(inviteRoute, async (c) => {
    const { id } = c.req.valid('param');
    const invitation = await c.get('services').invitations.create(id, c.req.valid('json'), askingOf(c));
    return c.json(invitation, 201, NO_STORE);
  });

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    const page = await c.get('services').invitations.list(id, c.get('principal'), c.req.valid('query'));
    return c.json(page, 200, NO_STORE);
  });

  app.openapi(revokeRoute, async (c) => {
    const { id, invitationId } = c.req.valid('param');
    await c.get('services').invitations.revoke(id, invitationId, askingOf(c));
    return c.body(null, 204);
  });

  app.openapi(acceptRoute, async (c) => {
    const { token } = c.req.valid('json');
    return c.json(await c.get('services').invitations.accept(token, askingOf(c)), 200, NO_STORE);
  });
}
