import { HTTPException } from 'hono/http-exception';
import { ConfigError } from '../config/config.ts';
import { databaseUnavailable } from '../database/errors.ts';
import { DependencyError } from '../resilience/dependency.ts';
import { AppError, coreError } from './app-error.ts';

/** After a 503 that says nothing else. */
const RETRY_SECONDS = 5;

/** RFC 9457 problem details, plus `code`, `requestId` and, for invalid input, the fields at fault. */
export function problemResponse(error: AppError, requestId: string): Response {
  const { detail, errors, headers } = error.options;
  const retryAfterSeconds =
    error.options.retryAfterSeconds ?? (error.definition.status === 503 ? RETRY_SECONDS : undefined);
  const body = {
    type: `urn:acs:problem:${error.code}`,
    title: error.definition.title,
    status: error.definition.status,
    detail: detail ?? error.definition.title,
    code: error.code,
    requestId,
    ...(errors ? { errors } : {}),
  };
  return new Response(JSON.stringify(body), {
    status: error.definition.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...(error.definition.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      ...headers,
    },
  });
}

/** Sorts whatever was thrown into the refusal that the client may see. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof HTTPException) return fromHttpException(thrown);
  if (thrown instanceof ConfigError) {
    return coreError('misconfigured', {
      detail: 'Whoever runs the service finds in its log what has to be set.',
      retryAfterSeconds: 60,
      cause: thrown,
    });
  }
  if (thrown instanceof DependencyError || databaseUnavailable(thrown)) {
    return coreError('dependency_unavailable', {
      detail: 'Nothing was lost. Try again in a few seconds.',
      retryAfterSeconds: 5,
      cause: thrown,
    });
  }
  return coreError('internal_error', {
    detail: 'The request id helps us to find out what happened.',
    cause: thrown,
  });
}

function fromHttpException(exception: HTTPException): AppError {
  switch (exception.status) {
    case 400:
      return coreError('malformed_json', {
        errors: [{ field: 'body', message: 'must be valid JSON' }],
        cause: exception,
      });
    case 413:
      return coreError('payload_too_large', { cause: exception });
    case 415:
      return coreError('unsupported_media_type', {
        detail: 'Send JSON, with Content-Type: application/json.',
        cause: exception,
      });
    default:
      return coreError('internal_error', { cause: exception });
  }
}
