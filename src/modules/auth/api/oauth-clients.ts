import { createRoute, z } from '@hono/zod-openapi';
import { open, permit } from '../../../core/http/authorize.ts';
import { json, jsonBody, problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { OAUTH_REGISTRATIONS_PER_ADDRESS } from '../limits.ts';
import {
  type ClientMetadata,
  clientMetadataSchema,
  oauthClientPageSchema,
  oauthClientParamsSchema,
  oauthClientPatchSchema,
  oauthClientQuerySchema,
  oauthClientSchema,
} from '../models/oauth.ts';
import { OauthError } from '../models/oauth-errors.ts';
import type { AuthApp } from './app.ts';
import { oauthAnswer, oauthRefusals } from './oauth-forms.ts';
import { NO_STORE } from './tokens.ts';

const registerRoute = createRoute({
  method: 'post',
  path: '/oauth/register',
  tags: ['oauth'],
  summary: 'Register a client (RFC 7591); refusals are OAuth errors',
  ...open,
  middleware: throttle(OAUTH_REGISTRATIONS_PER_ADDRESS),
  request: {
    body: {
      required: true,
      content: {
        'application/json': { schema: { type: 'object', description: 'RFC 7591 client metadata' } },
      },
    },
  },
  responses: {
    201: json(z.record(z.string(), z.unknown()), 'The client; a secret is shown this once'),
    ...oauthRefusals,
    ...problems(413, 429, 503),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/admin/oauth-clients',
  tags: ['admin'],
  summary: 'OAuth clients, the newest first',
  ...permit('clients:write'),
  request: { query: oauthClientQuerySchema },
  responses: { 200: json(oauthClientPageSchema, 'A page of clients'), ...problems(400, 401, 403, 503) },
});

const patchRoute = createRoute({
  method: 'patch',
  path: '/v1/admin/oauth-clients/{id}',
  tags: ['admin'],
  summary: 'Shut an OAuth client out, with all its grants, or let it in again',
  ...permit('clients:write', { recent: true }),
  request: { params: oauthClientParamsSchema, body: jsonBody(oauthClientPatchSchema) },
  responses: { 200: json(oauthClientSchema, 'The client'), ...problems(400, 401, 403, 404, 413, 503) },
});

export function mountOauthClients(app: AuthApp): void {
  app.openapi(registerRoute, (c) =>
    oauthAnswer(c, 201, async () =>
      c.get('services').oauth.clients.register(await metadataOf(c.req.raw), c.get('caller')),
    ),
  );

  app.openapi(listRoute, async (c) =>
    c.json(await c.get('services').oauth.clients.list(c.req.valid('query')), 200, NO_STORE),
  );

  app.openapi(patchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { disabled } = c.req.valid('json');
    const { clients } = c.get('services').oauth;
    return c.json(
      await clients.setDisabled(c.get('principal'), id, disabled, c.get('caller')),
      200,
      NO_STORE,
    );
  });
}

/** @throws OauthError in the words of RFC 7591 3.2.2 */
async function metadataOf(request: Request): Promise<ClientMetadata> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new OauthError('invalid_client_metadata', 'Send application/json.');
  const parsed = clientMetadataSchema.safeParse(parseJson(await request.text()));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
  const atRedirect = parsed.error.issues.some(({ path }) => path[0] === 'redirect_uris');
  throw new OauthError(
    atRedirect ? 'invalid_redirect_uri' : 'invalid_client_metadata',
    faults.slice(0, 3).join('; ').slice(0, 300),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OauthError('invalid_client_metadata', 'The body is not valid JSON.');
  }
}
