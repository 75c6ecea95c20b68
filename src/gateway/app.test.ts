import { describe, expect, test } from 'vitest';
import { createGateway } from './app.ts';

interface Seen {
  readonly module: string;
  readonly url: string;
  readonly headers: Headers;
}

function createWorld(answer: () => Response | Promise<Response> = () => new Response('ok')) {
  const seen: Seen[] = [];
  const bind = (module: string) => ({
    fetch: async (request: Request) => {
      seen.push({ module, url: request.url, headers: request.headers });
      return answer();
    },
  });
  const env = {
    AUTH: bind('auth'),
    STORAGE: bind('storage'),
    AI: bind('ai'),
    CORS_ORIGINS: 'https://app.test',
    LOG_LEVEL: 'silent',
  };
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  const gateway = createGateway();
  const send = async (path: string, init?: RequestInit) =>
    gateway.fetch(new Request(`http://gateway${path}`, init), env, context);
  return { seen, send };
}

describe('the gateway', () => {
  test.each([
    ['/v1/auth/login', 'auth'],
    ['/.well-known/jwks.json', 'auth'],
    ['/.well-known/oauth-authorization-server', 'auth'],
    ['/oauth/device_authorization', 'auth'],
    ['/account/reset-password', 'auth'],
    ['/v1/files', 'storage'],
    ['/v1/files/file_1/content', 'storage'],
    ['/v1/folders', 'storage'],
    ['/v1/files/file_1/analysis', 'ai'],
    ['/v1/search?q=x', 'ai'],
  ])('hands %s to %s', async (path, module) => {
    const { seen, send } = createWorld();
    expect((await send(path)).status).toBe(200);
    expect(seen).toMatchObject([{ module, url: `http://gateway${path}` }]);
  });

  test.each([
    '/internal/events',
    '/v1/files/../../internal/events',
    '/v1/files/%2e%2e/%2e%2e/internal/events',
    '//internal/events',
    '/v1/auth/%2e%2e/%2e%2e/internal/events',
    '/readyz/x',
    '/v1/filesystem',
    '/v1/searchx',
    '/V1/files',
    '/%ff',
  ])('finds nothing at %s', async (path) => {
    const { seen, send } = createWorld();
    const response = await send(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(seen).toEqual([]);
  });

  test('gives every request an id, and the module the same one', async () => {
    const { seen, send } = createWorld();
    await send('/v1/files');
    await send('/v1/files', { headers: { 'x-request-id': 'given-by-client' } });
    expect(seen[0]?.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen[1]?.headers.get('x-request-id')).toBe('given-by-client');
  });

  test.each(['/v1/files', '/nowhere', '/healthz', '/docs'])(
    'protects the answer to %s with headers',
    async (path) => {
      const { send } = createWorld(() => Response.json({ paths: {} }));
      const { headers } = await send(path);
      expect(headers.get('strict-transport-security')).toContain('max-age=63072000');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('cache-control')).toContain('no-store');
    },
  );

  test('tells who is refused where it says how to get a token', async () => {
    const headers = { 'www-authenticate': 'Bearer' };
    const refused = await createWorld(() => new Response('', { status: 401, headers })).send('/v1/files');
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer resource_metadata="http://gateway/.well-known/oauth-protected-resource"',
    );
  });

  test('keeps the stricter policy and the caching that a module has chosen', async () => {
    const headers = {
      'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'public, max-age=300',
    };
    const { send } = createWorld(() => new Response('', { headers }));
    const answer = await send('/v1/files/x/content');
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  });

  test.each([
    ['https://app.test', 'https://app.test'],
    ['https://app.test.evil.com', null],
    ['https://evil-app.test', null],
    ['http://app.test', null],
    ['null', null],
  ])('to a browser page of %s allows %s', async (origin, allowed) => {
    const { send } = createWorld();
    const { headers } = await send('/v1/files', { headers: { origin } });
    expect(headers.get('access-control-allow-origin')).toBe(allowed);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('is ready when every module is, and says which is not', async () => {
    const well = {
      status: 'ready',
      dependencies: { postgres: { state: 'up', required: true, latencyMs: 2 } },
    };
    const ready = await createWorld(() => Response.json(well)).send('/readyz');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: 'ready',
      modules: { auth: 'ready', storage: 'ready', ai: 'ready' },
      dependencies: { auth: well.dependencies },
    });
    const down = await createWorld(() => Promise.reject(new Error('down'))).send('/readyz');
    expect(down.status).toBe(503);
    expect(await down.json()).toMatchObject({ status: 'unavailable', modules: { auth: 'unavailable' } });
  });

  test('is degraded, not dead, while something is away that it can do without', async () => {
    const { send } = createWorld(() =>
      Response.json({
        status: 'degraded',
        dependencies: { redis: { state: 'down', required: false, latencyMs: 2_000 } },
      }),
    );
    const answer = await send('/readyz');
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'degraded' }]);
    const page = await send('/status');
    expect(page.status).toBe(200);
    expect(await page.text()).toMatch(/with less than usual[\s\S]*Cache[\s\S]*down/);
  });

  test('has started once it was ready, whatever comes later', async () => {
    let isWell = false;
    const answer = () => (isWell ? Response.json({ status: 'ready' }) : Promise.reject(new Error('down')));
    const { send } = createWorld(answer);
    expect((await send('/startupz')).status).toBe(503);
    isWell = true;
    expect((await send('/startupz')).status).toBe(200);
    isWell = false;
    expect((await send('/readyz')).status).toBe(503);
    expect((await send('/startupz')).status).toBe(200);
    expect((await send('/healthz')).status).toBe(200);
    expect((await send('/status')).status).toBe(503);
  });

  test('does not let a module write into the status page', async () => {
    const dependencies = { '<script>x</script>': { state: 'up', required: true, latencyMs: 1 } };
    const { send } = createWorld(() => Response.json({ status: 'ready', dependencies }));
    expect(await (await send('/status')).text()).not.toContain('<script>');
  });

  test('answers 503 for the contract while a module is down', async () => {
    const response = await createWorld(() => new Response('', { status: 500 })).send('/openapi.json');
    expect(await response.json()).toMatchObject({ status: 503, code: 'dependency_unavailable' });
  });

  test('does not let a contract write into the page of the documentation', async () => {
    const paths = { '/x': { get: { summary: '<script>alert(1)</script>' } } };
    const page = await (await createWorld(() => Response.json({ paths })).send('/docs')).text();
    expect(page).not.toContain('<script>');
  });
});
