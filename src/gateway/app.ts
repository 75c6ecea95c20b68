import { cors } from 'hono/cors';
import { type CoreVariables, createHttpApp, limitBody } from '../core/http/app.ts';
import { coreError } from '../core/http/app-error.ts';
import { CLIENT_ADDRESS_HEADER, CLIENT_PLACE_HEADER } from '../core/http/caller.ts';
import type { EdgeModule } from '../core/http/edge-module.ts';
import { DependencyError, type DependencyName } from '../core/resilience/dependency.ts';
import { currentTraceparent } from '../core/telemetry/tracer.ts';
import { admit } from './admission.ts';
import { pointToMetadata } from './challenge.ts';
import { clientAddress, clientPlace } from './client-address.ts';
import { gatewayConfig } from './config.ts';
import { joinContracts } from './contract.ts';
import { docsPage } from './docs-page.ts';
import { checkModules } from './readiness.ts';
import { type ModuleName, targetOf } from './routing.ts';
import { scrape } from './scrape.ts';
import { securityHeaders } from './security-headers.ts';
import { statusPage } from './status-page.ts';

const CORS_SECONDS = 600;
const SIBLINGS = { AUTH: 'auth', STORAGE: 'storage', AI: 'ai' } as const satisfies Record<
  ModuleName,
  DependencyName
>;
const limitSmallBody = limitBody();

/** The only public Worker: finds the module for a path and hands request and answer on, bodies untouched. */
export function createGateway(): EdgeModule {
  const app = createHttpApp<CoreVariables>('gateway');

  app.use(securityHeaders());
  app.use(pointToMetadata());
  // Before whatever needs the configuration, to be able to say that it is faulty.
  app.get('/healthz', (c) => c.json({ status: 'alive' }));
  app.get('/readyz', async (c) => {
    const readiness = await checkModules(c.env);
    return readiness.status === 'unavailable'
      ? c.json(readiness, 503, { 'retry-after': '5' })
      : c.json(readiness, 200);
  });
  // Of each environment that was ready once: from then on it is for readiness to say what is the matter.
  const started = new WeakSet<object>();
  app.get('/startupz', async (c) => {
    if (!started.has(c.env) && (await checkModules(c.env)).status === 'unavailable')
      return c.json({ status: 'starting' }, 503, { 'retry-after': '5' });
    started.add(c.env);
    return c.json({ status: 'started' }, 200);
  });
  app.get('/status', async (c) => {
    const readiness = await checkModules(c.env);
    return c.html(statusPage(readiness, new Date()), readiness.status === 'unavailable' ? 503 : 200);
  });
  app.get('/metrics', (c) => scrape(c.env, c.req.raw));
  const allowOrigins = cors({
    origin: (origin, c) => (gatewayConfig(c.env).CORS_ORIGINS.includes(origin) ? origin : null),
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowHeaders: [
      'authorization',
      'content-digest',
      'content-type',
      'idempotency-key',
      'if-match',
      'if-modified-since',
      'if-none-match',
      'if-range',
      'range',
      'repr-digest',
      'tus-resumable',
      'upload-checksum',
      'upload-concat',
      'upload-defer-length',
      'upload-length',
      'upload-metadata',
      'upload-offset',
      'traceparent',
      'x-request-id',
    ],
    exposeHeaders: [
      'content-disposition',
      'content-location',
      'content-range',
      'etag',
      'idempotency-replayed',
      'location',
      'ratelimit',
      'ratelimit-policy',
      'repr-digest',
      'retry-after',
      'tus-checksum-algorithm',
      'tus-extension',
      'tus-max-size',
      'tus-resumable',
      'tus-version',
      'upload-expires',
      'upload-length',
      'upload-metadata',
      'upload-offset',
      'x-request-id',
    ],
    maxAge: CORS_SECONDS,
  });
  // Without a method that is asked for it is no preflight: TUS asks what is spoken.
  app.use(async (c, next) => {
    const isPreflight = c.req.header('access-control-request-method') !== undefined;
    if (c.req.method !== 'OPTIONS' || c.req.path !== '/v1/tus' || isPreflight) return allowOrigins(c, next);
    await next();
    // Headers of an answer that was fetched cannot be added to.
    c.res = new Response(c.res.body, c.res);
    return undefined;
  });

  app.get('/openapi.json', async (c) =>
    c.json(await joinContracts(gatewayConfig(c.env), new URL(c.req.url).origin)),
  );
  app.get('/docs', async (c) => c.html(docsPage(await joinContracts(gatewayConfig(c.env), ''))));
  app.get('/', (c) => c.redirect('/docs'));

  app.use(admit());
  app.all('*', async (c) => {
    if (!isPercentEncodedUtf8(new URL(c.req.url).search)) {
      throw coreError('invalid_request', {
        detail: 'The query is not valid.',
        errors: [{ field: 'query', message: 'must be percent-encoded UTF-8' }],
      });
    }
    const target = targetOf(c.req.path, gatewayConfig(c.env));
    if (target === undefined) throw coreError('not_found', { detail: 'The contract is at /openapi.json.' });
    if (target.takesSmallBodies) await limitSmallBody(c, async () => {});
    const body = target.takesSmallBodies && c.req.raw.body ? { body: await c.req.raw.arrayBuffer() } : {};
    const headers = new Headers(c.req.raw.headers);
    headers.set('x-request-id', c.get('requestId'));
    const traceparent = currentTraceparent();
    if (traceparent !== undefined) headers.set('traceparent', traceparent);
    const { ENVIRONMENT } = gatewayConfig(c.env);
    setOrDelete(headers, CLIENT_ADDRESS_HEADER, clientAddress(c.req.raw, ENVIRONMENT));
    setOrDelete(headers, CLIENT_PLACE_HEADER, clientPlace(c.req.raw, ENVIRONMENT));
    return target.module.fetch(new Request(c.req.raw, { headers, ...body })).catch((cause: unknown) => {
      throw new DependencyError(SIBLINGS[target.name], 'did not answer', cause);
    });
  });
  return { fetch: (request, env, ctx) => app.fetch(request, env, ctx) };
}

/** Whatever a client sent under this name does not get through. */
function setOrDelete(headers: Headers, name: string, value: string | null): void {
  // A header is bytes: a place may hold letters beyond them.
  if (value === null) headers.delete(name);
  else headers.set(name, encodeURI(value));
}

/** Hono decodes leniently: a query that is not UTF-8 would be taken literally, and a file get a name nobody sent. */
function isPercentEncodedUtf8(query: string): boolean {
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}
