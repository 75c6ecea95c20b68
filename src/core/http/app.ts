import { OpenAPIHono, type z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { v7 as uuidv7 } from 'uuid';
import { ConfigError } from '../config/config.ts';
import { createLogger, describeError, type Logger, type LogLevel } from '../telemetry/logger.ts';
import { coreError } from './app-error.ts';
import { measureRequests } from './measure.ts';
import { problemResponse, toAppError } from './problem.ts';
import { telemetryOf } from './telemetry-out.ts';
import { traceRequests } from './trace.ts';
import { readUnreadBody } from './unread-body.ts';

/** What the core middleware puts at the disposal of handlers. */
export interface CoreVariables {
  requestId: string;
  logger: Logger;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** Faults of validation become one problem document that names each field. */
function refuseInvalid(target: string, error: z.core.$ZodError, requestId: string): Response {
  const fields = error.issues.map((issue) => ({
    field:
      issue.path.map(String).join('.') ||
      (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : target),
    message: issue.message,
  }));
  const detail = `Check ${[...new Set(fields.map(({ field }) => field))].join(', ')} in the ${target}.`;
  return problemResponse(coreError('invalid_request', { detail, errors: fields }), requestId);
}

/**
 * The frame of every module's app: request id, one log line a request, problem documents for every refusal,
 * after which the connection is good for the next request.
 * Paths are absolute; apps are composed by `fetch`, never by `app.route()`.
 */
export function createHttpApp<Variables extends CoreVariables>(
  module: string,
): OpenAPIHono<{
  Bindings: object;
  Variables: Variables;
}> {
  const app = new OpenAPIHono<{ Bindings: object; Variables: Variables }>({
    defaultHook: (result, c) =>
      result.success ? undefined : refuseInvalid(result.target, result.error, c.get('requestId')),
  });
  app.use(measureRequests(module));
  app.use(traceRequests(module, (env) => telemetryOf(env)?.ratio));
  app.use(logRequests(module));
  app.use(readUnreadBody);
  app.notFound((c) => {
    const allowed = METHODS.filter((method) =>
      app.router.match(method, c.req.path)[0].some(([[, route]]) => route.method === method),
    );
    const error =
      allowed.length === 0
        ? coreError('not_found')
        : coreError('method_not_allowed', { headers: { allow: allowed.join(', ') } });
    return problemResponse(error, c.get('requestId'));
  });
  app.onError((thrown, c) => {
    const error = toAppError(thrown);
    if (thrown instanceof ConfigError) logFaultsOnce(thrown, logLevelOf(c.env), module);
    else if (error.definition.status >= 500) {
      c.get('logger')?.error('request failed', {
        code: error.code,
        error: describeError(error.options.cause ?? error),
      });
    }
    return problemResponse(error, c.get('requestId') ?? requestIdOf(c.req.raw));
  });
  return app;
}

const logged = new WeakSet<ConfigError>();

/** All faults of an environment in one line, and once, not with each request that is refused for them. */
export function logFaultsOnce(error: ConfigError, level: LogLevel, module: string): void {
  if (logged.has(error)) return;
  logged.add(error);
  const faults = error.faults.join('; ');
  createLogger(level, { module }).error('misconfigured', { component: error.component, faults });
}

function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : uuidv7();
}

export function logLevelOf(env: unknown): LogLevel {
  const level = typeof env === 'object' && env !== null && 'LOG_LEVEL' in env ? env.LOG_LEVEL : undefined;
  return level === 'debug' || level === 'warn' || level === 'error' || level === 'silent' ? level : 'info';
}

function logRequests(module: string): MiddlewareHandler<{ Bindings: object; Variables: CoreVariables }> {
  return async (c, next) => {
    const startedAt = Date.now();
    const requestId = requestIdOf(c.req.raw);
    const logger = createLogger(logLevelOf(c.env), { module, requestId });
    c.set('requestId', requestId);
    c.set('logger', logger);
    await next();
    c.header('x-request-id', requestId);
    // One line a request at the usual level: the gateway's, which everyone passes.
    logger[module === 'gateway' ? 'info' : 'debug']('request', {
      method: c.req.method,
      path: withoutSecrets(c.req.path),
      status: c.res.status,
      durationMs: Date.now() - startedAt,
    });
  };
}

/**
 * Ids and short plain words. What else is in a path came out of somebody's hands: the token of a link, which is as good
 * as a password, the name of a field, or anything at all.
 */
const LOGGED_SEGMENT = /^([a-z]+_[0-9a-f]{32}|[a-z0-9.-]{0,20})$/;

function withoutSecrets(path: string): string {
  return path
    .split('/')
    .map((segment) => (LOGGED_SEGMENT.test(segment) ? segment : '…'))
    .join('/');
}

const JSON_BODY_BYTES = 64 * 1024;

/** Refuses a JSON body over the limit before it is parsed, counting bytes where no length was announced. */
export function limitBody(maxSize: number = JSON_BODY_BYTES): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw coreError('payload_too_large', { detail: `At most ${maxSize} bytes are taken here.` });
    },
  });
}

/**
 * Publishes the module's part of the contract; the gateway joins the parts.
 * @throws Error when an operation says neither what it takes to call it nor that anybody may: default deny.
 */
export function describeApi<Variables extends CoreVariables>(
  app: ReturnType<typeof createHttpApp<Variables>>,
  title: string,
): void {
  for (const definition of app.openAPIRegistry.definitions) {
    if (definition.type !== 'route') continue;
    const { method, path } = definition.route;
    if (!('x-permission' in definition.route) && !('x-public' in definition.route))
      throw new Error(`${method} ${path} declares no permission`);
  }
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title, version: '1.0.0' } });
}
