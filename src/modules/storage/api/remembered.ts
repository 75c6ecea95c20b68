import type { Context } from 'hono';
import type { StorageVariables } from './app.ts';

/**
 * Answers with what is remembered of the caller's own drive, or with what `compute` gives.
 * @param fileId the entry it is about; null for the root of the caller's own drive
 */
export async function remembered(
  c: Context<{ Bindings: object; Variables: StorageVariables }>,
  fileId: string | null,
  compute: () => Promise<unknown>,
): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  const answer = await c.get('services').answers.answer(
    {
      userId: c.get('principal').userId,
      fileId,
      question: `${pathname}${search}`,
      ifNoneMatch: c.req.header('if-none-match'),
    },
    compute,
  );
  const headers = {
    'cache-control': 'private, no-cache',
    'server-timing': `cache;desc=${answer.cache}`,
    ...(answer.etag === undefined ? {} : { etag: answer.etag }),
  };
  if (answer.cache === 'unchanged') return c.body(null, 304, headers);
  return c.body(answer.json, 200, { ...headers, 'content-type': 'application/json' });
}
