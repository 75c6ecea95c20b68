import type { MiddlewareHandler } from 'hono';

const MOST_BYTES = 64 * 1024;
const MOST_MS = 1_000;

/**
 * Reads what a refusal has left unread of a short body. workerd closes the connection of a request whose body nobody
 * has read, without saying so in the answer: what a client sends on it next would be reset.
 */
export const readUnreadBody: MiddlewareHandler = async (c, next) => {
  await next();
  const { raw } = c.req;
  const length = Number(raw.headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  if (!(length <= MOST_BYTES) || raw.body === null || raw.bodyUsed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, MOST_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    raw.arrayBuffer().then(done, done);
  });
};
