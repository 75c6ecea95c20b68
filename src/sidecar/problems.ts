import { AppError, defineErrors } from '../core/http/app-error.ts';

/** Every refusal of the sidecar. */
export const sidecarError = defineErrors({
  unauthorized: { status: 401, title: 'A service token is required' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  source_forbidden: { status: 400, title: 'The object may not be fetched from there' },
  not_found: { status: 404, title: 'There is nothing here' },
  source_gone: { status: 404, title: 'The object is not in the object store' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  source_damaged: { status: 422, title: 'The object was changed, or its key is another' },
  model_pinned: { status: 409, title: 'The model is pinned' },
  model_busy: { status: 409, title: 'The model is at work' },
  model_kept: { status: 409, title: 'The files of the model are not ours to remove' },
  inference_failed: { status: 422, title: 'The model has no answer to this input' },
  preview_unsupported: { status: 415, title: 'There are no previews of this type' },
  preview_failed: { status: 422, title: 'No preview can be made' },
  overloaded: { status: 429, title: 'Too much work is waiting' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  model_unavailable: { status: 503, title: 'The model is not available' },
  source_unavailable: { status: 503, title: 'The object store did not deliver the object' },
  storage_full: { status: 503, title: 'There is no room to read the object' },
  scanner_unavailable: { status: 503, title: 'The malware scanner does not answer' },
});

/** Sorts whatever was thrown into a refusal of the catalogue. */
export function toSidecarError(thrown: unknown): AppError {
  return thrown instanceof AppError ? thrown : sidecarError('internal_error', { cause: thrown });
}

/** Problem details (RFC 9457) with the stable `code` and the request id. */
export function problemResponse(error: AppError, requestId: string): Response {
  const { status, title } = error.definition;
  const { detail, retryAfterSeconds, headers } = error.options;
  const body = { type: 'about:blank', title, status, detail: detail ?? title, code: error.code, requestId };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      ...headers,
    },
  });
}
