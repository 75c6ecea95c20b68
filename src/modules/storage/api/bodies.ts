import type { MiddlewareHandler } from 'hono';
import { limitBody } from '../../../core/http/app.ts';
import { refuseInvalidJsonText } from './utf8.ts';

/** Routes whose body is somebody's file. Every other one takes JSON, held in memory, of which there has to be little. */
const FILES: readonly (readonly [method: string, path: RegExp])[] = [
  ['POST', /^\/v1\/files$/],
  ['PUT', /^\/v1\/files\/[^/]+\/content$/],
  ['POST', /^\/v1\/tus$/],
  ['PATCH', /^\/v1\/tus\/[^/]+$/],
  ['POST', /^\/v1\/shared-links\/[^/]+\/files$/],
];
/** Ten thousand parts by number and entity tag. */
const COMPLETION = /^\/v1\/uploads\/[^/]+\/complete$/;
const COMPLETION_BYTES = 2 * 1024 * 1024;

const limitJson = limitBody();
const limitCompletion = limitBody(COMPLETION_BYTES);

/** JSON bodies are small and UTF-8; a route that is not among those for files is held to that. */
export const limitText: MiddlewareHandler = async (c, next) => {
  const { method, path } = c.req;
  if (c.req.raw.body === null || FILES.some(([of, pattern]) => of === method && pattern.test(path)))
    return next();
  const limit = COMPLETION.test(path) ? limitCompletion : limitJson;
  return limit(c, async () => {
    await refuseInvalidJsonText(c, next);
  });
};
