import type { Context, MiddlewareHandler } from 'hono';
import { coreError } from '../../../core/http/app-error.ts';
import { permit } from '../../../core/http/authorize.ts';
import { sha256Hex } from '../../../core/objects/digest.ts';
import type { Permission } from '../../../core/security/permissions.ts';
import { describeError } from '../../../core/telemetry/logger.ts';
import { storageError } from '../errors.ts';
import type { StoredAnswer } from '../ports/idempotency.ts';
import type { StorageVariables } from './app.ts';

type StorageContext = Context<{ Bindings: object; Variables: StorageVariables }>;

export interface CreationOptions {
  readonly recent?: boolean;
  /**
   * For bodies that are not JSON and cannot be part of the fingerprint: whether the body of a repeated call is the one
   * that was answered.
   */
  readonly isSameBody?: (c: StorageContext, answer: StoredAnswer) => Promise<boolean>;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * `permit` for a call that makes something: with `Idempotency-Key` it may be repeated. Its handler gives what it makes
 * the id `c.get('resourceUuid')`, where there is one, and must find what an earlier try has made under it.
 */
export function permitCreation(permission: Permission, { recent, isSameBody }: CreationOptions = {}) {
  const permitted = permit(permission, recent ? { recent } : {});
  const middleware: [typeof permitted.middleware, MiddlewareHandler] = [
    permitted.middleware,
    idempotency(isSameBody),
  ];
  return { ...permitted, 'x-idempotency-key': true, middleware };
}

function idempotency(isSameBody: CreationOptions['isSameBody']): MiddlewareHandler<{
  Bindings: object;
  Variables: StorageVariables;
}> {
  return async (c, next) => {
    const key = c.req.header('idempotency-key');
    if (key === undefined) return next();
    if (!KEY.test(key))
      throw coreError('invalid_request', {
        errors: [{ field: 'idempotency-key', message: 'must be 1 to 255 visible ASCII characters' }],
      });
    const { userId } = c.get('principal');
    const { idempotency: calls } = c.get('services');
    const admission = await calls.admit(userId, key, await fingerprintOf(c, isSameBody === undefined));
    if (admission.kind === 'replay') {
      if (isSameBody && !(await isSameBody(c, admission.answer)))
        throw storageError('idempotency_key_reused');
      return replay(admission.answer);
    }
    c.set('resourceUuid', admission.resourceUuid);
    c.set('isRepeated', !admission.isFirst);
    await next();
    await remember(c, userId, key, admission.lease);
  };
}

/** What became of the call, so that the next one of this key learns it. The answer goes out whatever happens here. */
async function remember(c: StorageContext, userId: string, key: string, lease: string): Promise<void> {
  const { idempotency: calls } = c.get('services');
  const { status } = c.res;
  const noting =
    status >= 500
      ? calls.interrupted(userId, key, lease)
      : status >= 400
        ? calls.refused(userId, key, lease)
        : c.res
            .clone()
            .text()
            .then((body) =>
              calls.answered(userId, key, { status, body, location: c.res.headers.get('location') }),
            );
  await noting.catch((error: unknown) =>
    c.get('logger').warn('answer not kept for its idempotency key', { error: describeError(error) }),
  );
}

async function fingerprintOf(c: StorageContext, withBody: boolean): Promise<string> {
  const { pathname, search } = new URL(c.req.url);
  const body = withBody ? await c.req.text() : '';
  return sha256Hex(new TextEncoder().encode(JSON.stringify([c.req.method, pathname, search, body])));
}

function replay({ status, body, location }: StoredAnswer): Response {
  return new Response(body, {
    status,
    headers: {
      'content-type': 'application/json',
      'idempotency-replayed': 'true',
      ...(location === null ? {} : { location }),
    },
  });
}
