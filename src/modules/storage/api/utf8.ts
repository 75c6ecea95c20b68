import type { MiddlewareHandler } from 'hono';
import { coreError } from '../../../core/http/app-error.ts';

/** What is not UTF-8 would be replaced without a word, and a name would not be kept as it was sent. */
export const refuseInvalidQuery: MiddlewareHandler = async (c, next) => {
  try {
    decodeURIComponent(new URL(c.req.url).search);
  } catch {
    throw coreError('invalid_request', { detail: 'The query has to be UTF-8, percent-encoded.' });
  }
  await next();
};

/** The same of JSON (RFC 8259, 8.1); behind `limitBody`, because it reads the body. */
export const refuseInvalidJsonText: MiddlewareHandler = async (c, next) => {
  const bytes = await c.req.arrayBuffer();
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw coreError('malformed_json', { detail: 'JSON has to be UTF-8.' });
  }
  await next();
};
