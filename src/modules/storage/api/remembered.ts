import type { Context, TypedResponse } from 'hono';
import type { StorageVariables } from './app.ts';

/** As `c.json` types it, from JSON that is there already. */
type JsonAnswer<Value> = Response & TypedResponse<Value, 200, 'json'>;

/**
 * Answers with what is remembered of the caller's own drive, or with what `compute` gives.
 * @param fileId the entry it is about; null for the root of the caller's own drive, undefined for somebody else's
 */
export async function remembered<Value>(
  c: Context<{ Bindings: object; Variables: StorageVariables }>,
  fileId: string | null | undefined,
  compute: () => Promise<Value>,
): Promise<JsonAnswer<Value>> {
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
  const response =
    answer.cache === 'unchanged'
      ? c.body(null, 304, headers)
      : c.body(answer.json, 200, { ...headers, 'content-type': 'application/json' });
  // The type says what the JSON is of; there is nothing of it at run time.
  return response as Response as JsonAnswer<Value>;
}
