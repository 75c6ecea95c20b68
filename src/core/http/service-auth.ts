import type { MiddlewareHandler } from 'hono';
import { type ServiceName, verifyServiceToken } from '../security/service-token.ts';
import type { CoreVariables } from './app.ts';
import { coreError } from './app-error.ts';
import { bearerToken } from './authorize.ts';

/** Lets only our own services pass, by a service token made out to `audience`; of them only `from`, where it is told. */
export function authenticateService(
  secret: (env: object) => string,
  audience: ServiceName,
  from?: ServiceName,
): MiddlewareHandler<{ Bindings: object; Variables: CoreVariables }> {
  return async (c, next) => {
    const caller = await verifyServiceToken(secret(c.env), bearerToken(c.req.raw), audience, new Date());
    if (caller === undefined || (from !== undefined && caller !== from))
      throw coreError('unauthorized', { detail: 'This is for our own services.' });
    await next();
  };
}
