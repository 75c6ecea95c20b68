import { storageError } from '../errors.ts';
import type { LiveContent } from '../service/content.ts';
import type { Span } from '../service/downloads.ts';
import { etagOf } from '../service/entity-tags.ts';
import { evaluate } from './conditions.ts';
import { attachment, contentHeaders, type Presentation, validatorHeaders } from './content-headers.ts';

export interface Serving extends Presentation {
  readonly content: LiveContent;
  readonly bytes: (span: Span | undefined) => Promise<ReadableStream<Uint8Array>>;
  /** Asked only when bytes would be sent; undefined: they are sent here. */
  readonly redirect?: ((contentDisposition: string) => Promise<string | undefined>) | undefined;
}

/** Answers GET and HEAD of some content: its conditions, its range, and the store's body under our own headers. */
export async function serveContent(request: Request, serving: Serving): Promise<Response> {
  const { content } = serving;
  const { object, createdAt } = content.version;
  const { size } = object;
  const verdict = evaluate(request.method, request.headers, {
    etag: etagOf(content.version),
    modifiedAt: createdAt,
    soleInItsSecond: content.soleInItsSecond,
    size,
  });
  if (verdict.status === 412) throw storageError('precondition_failed');
  if (verdict.status === 304)
    return new Response(null, { status: 304, headers: validatorHeaders(content, serving.keeping) });
  if (verdict.status === 416)
    throw storageError('range_not_satisfiable', {
      detail: `The content has ${size} bytes.`,
      headers: { 'content-range': `bytes */${size}` },
    });
  const span = verdict.status === 206 ? { start: verdict.start, end: verdict.end } : undefined;
  const headers = {
    ...contentHeaders(content, serving),
    'content-length': String(span ? span.end - span.start : size),
    ...(span ? { 'content-range': `bytes ${span.start}-${span.end - 1}/${size}` } : {}),
  };
  if (request.method === 'HEAD') return new Response(null, { headers });
  const elsewhere = await serving.redirect?.(attachment(content.name));
  if (elsewhere !== undefined) return seeElsewhere(elsewhere);
  return new Response(await serving.bytes(span), { status: verdict.status, headers });
}

/** The address is as good as a password for a minute. */
function seeElsewhere(location: string): Response {
  const headers = { location, 'cache-control': 'private, no-store', 'referrer-policy': 'no-referrer' };
  return new Response(null, { status: 302, headers });
}
