import type { Context, MiddlewareHandler } from 'hono';
import type { RateLimiter } from '../cache/rate-limiter.ts';
import type { RecordAudit } from '../security/audit.ts';
import { auditedAs } from '../security/audit.ts';
import type { Authenticator } from '../security/authenticator.ts';
import type { Permission } from '../security/permissions.ts';
import { type Caller, isAgent, type Principal } from '../security/principal.ts';
import { describeError } from '../telemetry/logger.ts';
import type { CoreVariables } from './app.ts';
import { coreError } from './app-error.ts';
import { callerOf } from './caller.ts';
import { limitCaller } from './limit-caller.ts';
import { bearer } from './openapi.ts';

/** What a module needs to let people in; one per environment. */
export interface Guard {
  readonly authenticator: Authenticator;
  readonly recordAudit: RecordAudit;
  readonly limiter: RateLimiter;
  /** The origin that browsers see, the only one whose requests may ride on a cookie. */
  readonly publicOrigin: string;
  readonly now: () => number;
}

/** Handlers behind `permit` know who is asking, and every handler from where. */
export interface GuardedVariables extends CoreVariables {
  guard: Guard;
  principal: Principal;
  caller: Caller;
  /** What the request was authenticated with, to call a sibling in the same name. */
  credential: string;
}
type GuardedEnv = { Bindings: object; Variables: GuardedVariables };

export const ACCESS_COOKIE = '__Host-acs-access';
/** A sensitive call wants a proof of identity no older than this. */
export const RECENT_MS = 10 * 60_000;

/** Puts guard and caller into the context; the first middleware of every module that lets people in. */
export function provideGuard(guard: (env: object) => Guard): MiddlewareHandler<GuardedEnv> {
  return async (c, next) => {
    c.set('guard', guard(c.env));
    c.set('caller', callerOf(c.req.raw, c.get('requestId')));
    await next();
  };
}

/**
 * Declares on a route (`createRoute({ …, ...permit('files:read') })`) what it takes to call it, in the contract too.
 * A route that neither permits nor is `open` keeps its module from starting (describeApi).
 *
 * @param options.recent the person must have proven who they are within RECENT_MS; keys and OAuth clients never have
 */
export function permit(permission: Permission, options: { readonly recent?: boolean } = {}) {
  return {
    security: bearer,
    'x-permission': permission,
    ...(options.recent ? { 'x-recent-authentication': true } : {}),
    middleware: authorize(permission, options.recent ?? false),
  };
}

/** Declares a route that anybody may call. */
export const open: { security: Record<string, never>[]; 'x-public': true } = {
  security: [],
  'x-public': true,
};

/** What `permit` does; by itself for routes between modules, which are not in the contract. */
export function authorize(permission: Permission, recent: boolean): MiddlewareHandler<GuardedEnv> {
  return async (c, next) => {
    const { authenticator, now } = c.get('guard');
    const caller = c.get('caller');
    const credential = credentialOf(c);
    const principal = await authenticator.authenticate(credential, caller.address);
    c.set('credential', credential);
    c.set('principal', principal);
    const refusal = refusalOf(principal, permission, recent, now());
    if (refusal) {
      await record(c, 'access.denied', 'denied', refusal.code);
      throw refusal;
    }
    await limitCaller(c, c.get('guard').limiter, principal, next);
    // What programs do in somebody's name is kept, reads too; what people do is kept by its own use case.
    if (isAgent(principal) && !c.req.path.startsWith('/internal/'))
      await record(c, 'agent.call', c.res.ok ? 'success' : 'failure', null);
  };
}

function refusalOf(principal: Principal, permission: Permission, recent: boolean, now: number) {
  if (!principal.permissions.has(permission)) {
    const detail = `This needs the permission ${permission}.`;
    return coreError(principal.restriction ?? 'permission_denied', { detail });
  }
  if (
    recent &&
    (principal.authenticatedAt === null || isAgent(principal) || principal.authenticatedAt < now - RECENT_MS)
  )
    return coreError('reauth_required', { detail: 'Use POST /v1/auth/step-up, then try again.' });
  return undefined;
}

async function record(
  c: Context<GuardedEnv>,
  action: 'access.denied' | 'agent.call',
  result: 'denied' | 'success' | 'failure',
  reason: string | null,
): Promise<void> {
  const writing = c.get('guard').recordAudit({
    ...auditedAs(c.get('principal'), c.get('caller')),
    action,
    object: { kind: 'route', id: c.req.path.slice(0, 200) },
    result,
    reason,
    details: { method: c.req.method, ...(result === 'denied' ? {} : { status: c.res.status }) },
  });
  await writing.catch((error: unknown) =>
    c.get('logger').error('audit entry lost', { action, error: describeError(error) }),
  );
}

/**
 * The credential of a request: `Authorization: Bearer`, or the access cookie; never the URL. A cookie alone changes
 * nothing unless the browser says that the request comes from our own pages (OWASP ASVS 3.5.1).
 * @throws AppError `unauthorized` or `csrf_refused`
 */
function credentialOf(c: Context<GuardedEnv>): string {
  const authorization = c.req.header('authorization');
  const cookie = authorization === undefined ? cookieOf(c.req.raw, ACCESS_COOKIE) : undefined;
  if (cookie === undefined) return bearerToken(c.req.raw);
  refuseCrossSite(c.req.raw, c.get('guard').publicOrigin);
  return cookie;
}

/** @throws AppError `csrf_refused` for a changing request that does not come from our own origin */
export function refuseCrossSite(request: Request, publicOrigin: string): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (request.headers.get('origin') !== publicOrigin)
    throw coreError('csrf_refused', {
      detail: 'Send the request from our own origin, or use a bearer token.',
    });
}

/** The value of a cookie; undefined when it is not there, or there twice. */
export function cookieOf(request: Request, name: string): string | undefined {
  const values = (request.headers.get('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}

/** @throws AppError `unauthorized` when the request carries no bearer token. */
export function bearerToken(request: Request): string {
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (token === undefined)
    throw coreError('unauthorized', { detail: 'Send an access token: Authorization: Bearer …' });
  return token;
}
