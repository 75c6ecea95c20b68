import type { RateLimit } from '../cache/rate-limiter.ts';

/** Calls that cost about the same. */
export type RouteClass = 'read' | 'write' | 'search';

export function routeClassOf(method: string, path: string): RouteClass {
  if (/^\/v1\/(search|ask)(\/|$)/.test(path)) return 'search';
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write';
}

const perMinute = (name: string, limit: number): RateLimit => ({ name, limit, seconds: 60 });

// Above what a busy client does and below what hurts others. RATE_LIMIT_SCALE widens all of them.

/** Of one address, which may be a whole office: counted by the gateway, before it is known who calls. */
export const CALLS_PER_ADDRESS = {
  read: perMinute('reads-of-address', 12_000),
  write: perMinute('writes-of-address', 4_800),
  search: perMinute('searches-of-address', 1_200),
} as const satisfies Record<RouteClass, RateLimit>;

/** Of one user, with whatever sessions and keys. */
export const CALLS_PER_USER = {
  read: perMinute('reads', 3_000),
  write: perMinute('writes', 1_200),
  search: perMinute('searches', 300),
} as const satisfies Record<RouteClass, RateLimit>;

/** Of one API key: a program that runs wild leaves something to the others of the same person. */
export const CALLS_PER_KEY = {
  read: perMinute('reads-of-key', 1_500),
  write: perMinute('writes-of-key', 600),
  search: perMinute('searches-of-key', 150),
} as const satisfies Record<RouteClass, RateLimit>;
