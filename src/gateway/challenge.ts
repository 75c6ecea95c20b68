import type { MiddlewareHandler } from 'hono';

/** RFC 9728 5.1: a program that is refused learns where it says how to get a token. */
export function pointToMetadata(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (c.res.status !== 401 || c.res.headers.get('www-authenticate') !== 'Bearer') return;
    const metadata = new URL('/.well-known/oauth-protected-resource', c.req.url);
    c.res.headers.set('www-authenticate', `Bearer resource_metadata="${metadata}"`);
  };
}
