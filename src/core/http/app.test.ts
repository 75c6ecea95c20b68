import { createRoute, z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { describe, expect, test, vi } from 'vitest';
import { createMemoryRateLimiter } from '../cache/memory-rate-limiter.ts';
import { DependencyError } from '../resilience/dependency.ts';
import type { Principal } from '../security/principal.ts';
import { createHttpApp, describeApi, limitBody } from './app.ts';
import { coreError, defineErrors } from './app-error.ts';
import { authorize, type GuardedVariables, open, provideGuard } from './authorize.ts';
import { json, jsonBody, problemSchema } from './openapi.ts';
import { plainTextSchema } from './plain-text.ts';

const bodySchema = z.strictObject({ name: plainTextSchema.max(10) });
const querySchema = z.object({ limit: z.coerce.number().int().max(5).default(1) });
const answer = { 200: json(z.object({ ok: z.boolean() }), 'ok') };

/** Knows one token, `good`. */
const guard = {
  authenticator: {
    authenticate: async (credential: string) => {
      if (credential !== 'good') throw coreError('unauthorized');
      return principal;
    },
  },
  recordAudit: async () => {},
  limiter: createMemoryRateLimiter(Date.now),
  publicOrigin: 'https://api.test',
  now: () => 0,
};
const principal: Principal = {
  userId: 'usr_1',
  kind: 'person',
  role: 'member',
  credential: { kind: 'session', id: 'ses_1', clientId: null },
  permissions: new Set(['files:read']),
  restriction: null,
  authenticatedAt: 0,
  methods: ['pwd'],
};

function createApp() {
  const app = createHttpApp<GuardedVariables>('storage');
  app.use(provideGuard(() => guard));
  app.use('/secret', authorize('files:read', false));
  app.use('/things', limitBody(1_000));
  app.get('/secret', (c) => c.text('secret'));
  app.openapi(
    createRoute({
      method: 'post',
      path: '/things',
      ...open,
      request: { body: jsonBody(bodySchema), query: querySchema },
      responses: answer,
    }),
    (c) => c.json({ ok: true }, 200),
  );
  app.delete('/things', (c) => c.body(null, 204));
  app.get('/throws/:what', (c) => {
    const what = c.req.param('what');
    if (what === 'dependency') throw new DependencyError('s3', 'secret-host is down');
    if (what === 'teapot') throw new HTTPException(418);
    throw new Error('secret detail');
  });
  return app;
}

async function send(path: string, init?: RequestInit) {
  const response = await createApp().fetch(new Request(`http://test${path}`, init), { LOG_LEVEL: 'silent' });
  const text = await response.text();
  return { response, text, problem: response.ok ? undefined : problemSchema.parse(JSON.parse(text)) };
}

const post = (body: string, query = '') =>
  send(`/things${query}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });

describe('a refusal is a problem document', () => {
  test('with the media type, the status, the code and the request id of the caller', async () => {
    const { response, problem } = await send('/nowhere', { headers: { 'x-request-id': 'my-request-1' } });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBe('my-request-1');
    expect(problem).toMatchObject({ status: 404, code: 'not_found', requestId: 'my-request-1' });
  });

  test('with a request id of its own when the given one is not acceptable', async () => {
    const { problem } = await send('/nowhere', { headers: { 'x-request-id': 'x"; drop' } });
    expect(problem?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('a wrong method is 405 and says which are allowed', async () => {
    const { response, problem } = await send('/things', { method: 'PUT' });
    expect(problem).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(response.headers.get('allow')).toBe('POST, DELETE');
  });

  test('without a token it is 401 and names the scheme', async () => {
    const { response, problem } = await send('/secret');
    expect(problem).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  test.each(['?access_token=abc', '?token=abc'])('a token in the URL (%s) is none', async (query) => {
    expect((await send(`/secret${query}`)).problem?.status).toBe(401);
  });

  test('a dependency that is down is 503 with Retry-After, and is not named', async () => {
    const { response, problem, text } = await send('/throws/dependency');
    expect(problem).toMatchObject({ status: 503, code: 'dependency_unavailable' });
    expect(response.headers.get('retry-after')).toBe('5');
    expect(text).not.toContain('secret-host');
  });

  test.each(['error', 'teapot'])('an unexpected %s is 500 and tells nothing', async (what) => {
    const { problem, text } = await send(`/throws/${what}`);
    expect(problem).toMatchObject({ status: 500, code: 'internal_error' });
    expect(text).not.toContain('secret detail');
  });
});

describe('bad input', () => {
  test('malformed JSON is 400', async () => {
    expect((await post('{"name":')).problem).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  test('the field at fault is named', async () => {
    const { problem } = await post('{"name":"far too long a name"}');
    expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ field: 'name' }] });
  });

  test.each(['{"name":"a","role":"admin"}', '{"name":"a","__proto__":{"role":"admin"}}'])(
    'a field that is not known is refused: %s',
    async (body) => {
      expect((await post(body)).problem).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );

  test.each(['"\\u0000"', '"a\\nb"', '"\\ud800"', 'null', '{}', '[]', '1e999'])(
    'a name of %s is refused',
    async (name) => {
      expect((await post(`{"name":${name}}`)).problem?.status).toBe(400);
    },
  );

  test('JSON that is nested without end is refused', async () => {
    expect((await post(`{"name":${'['.repeat(480)}${']'.repeat(480)}}`)).problem?.status).toBe(400);
  });

  test.each(['?limit=1&limit=2', '?limit=1e400', '?limit=%ff', '?limit=x', '?limit=99999999999999999999'])(
    'the query %s is refused',
    async (query) => {
      expect((await post('{"name":"a"}', query)).problem).toMatchObject({
        status: 400,
        code: 'invalid_request',
      });
    },
  );

  test('a body over the limit is 413, announced or not', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(2_000) });
    expect((await post(body)).problem).toMatchObject({ status: 413, code: 'payload_too_large' });
    const stream = new Blob([body]).stream();
    const request: RequestInit = {
      method: 'POST',
      body: stream,
      duplex: 'half',
      headers: { 'content-type': 'application/json' },
    };
    expect((await send('/things', request)).problem?.status).toBe(413);
  });

  test('a path that is not valid percent-encoding is not found', async () => {
    expect((await send('/%ff%zz')).problem?.status).toBe(404);
  });
});

test('an error outside of the catalogue cannot be made', () => {
  const errors: Record<string, { status: 404; title: string }> = {};
  expect(() => defineErrors(errors)('missing')).toThrow('no error is defined');
});

test('headers of an error are on the answer', () => {
  expect(coreError('not_found', { headers: { 'x-more': '1' } }).options.headers).toEqual({ 'x-more': '1' });
});

test('a module with an operation that declares no permission does not start', () => {
  const app = createHttpApp<GuardedVariables>('storage');
  app.openapi(createRoute({ method: 'get', path: '/v1/forgotten', responses: answer }), (c) =>
    c.json({ ok: true }, 200),
  );
  expect(() => describeApi(app, 'Storage')).toThrow('get /v1/forgotten declares no permission');
});

test('the log names the path by ids and plain words only', async () => {
  const lines = vi.spyOn(console, 'log').mockImplementation(() => {});
  const id = `file_${'0a'.repeat(16)}`;
  await createApp().fetch(
    new Request(`http://test/v1/files/${id}/S3cret/a@b.example/${'x'.repeat(21)}?q=secret`),
    {
      LOG_LEVEL: 'debug',
    },
  );
  const logged = lines.mock.calls.map(([line]) => String(line)).join('\n');
  lines.mockRestore();
  expect(logged).toContain(`"path":"/v1/files/${id}/…/…/…"`);
  expect(logged).not.toMatch(/secret|S3cret|example/);
});
