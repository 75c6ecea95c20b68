import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';

/** `*` for what only middleware matched: paths that nobody has, and at the gateway whatever it hands on. */
export function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? '*';
}
