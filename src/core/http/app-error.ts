/** The public face of one kind of refusal: fixed status and title, chosen by `code`. */
export interface ErrorDefinition {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 409
    | 410
    | 411
    | 412
    | 413
    | 415
    | 416
    | 422
    | 423
    | 429
    | 460
    | 500
    | 501
    | 503
    | 507;
  readonly title: string;
}

export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

export interface AppErrorOptions {
  /** For the client: says what to do about it. Never a stack, a query or a secret. */
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log only. */
  readonly cause?: unknown;
}

/** A refusal with a stable code; becomes a problem document (RFC 9457) at the edge of the module. */
export class AppError extends Error {
  override name = 'AppError';
  readonly code: string;
  readonly definition: ErrorDefinition;
  readonly options: AppErrorOptions;

  constructor(code: string, definition: ErrorDefinition, options: AppErrorOptions = {}) {
    super(options.detail ?? definition.title, { cause: options.cause });
    this.code = code;
    this.definition = definition;
    this.options = options;
  }
}

/** Turns a module's catalogue into its error factory; a code outside the catalogue does not compile. */
export function defineErrors<const Catalogue extends Readonly<Record<string, ErrorDefinition>>>(
  catalogue: Catalogue,
): (code: keyof Catalogue & string, options?: AppErrorOptions) => AppError {
  return (code, options) => {
    const definition = catalogue[code];
    if (definition === undefined) throw new Error(`no error is defined for ${code}`);
    return new AppError(code, definition, options);
  };
}

/** Refusals that any module can give. */
export const coreError = defineErrors({
  invalid_request: { status: 400, title: 'The request is not valid' },
  malformed_json: { status: 400, title: 'The body is not valid JSON' },
  unauthorized: { status: 401, title: 'Authentication is required' },
  token_expired: { status: 401, title: 'The access token has expired' },
  permission_denied: { status: 403, title: 'This is not permitted to you' },
  reauth_required: { status: 403, title: 'Prove again who you are first' },
  mfa_required: { status: 403, title: 'A second factor is required' },
  network_not_allowed: { status: 403, title: 'Not from this network' },
  csrf_refused: { status: 403, title: 'A cookie is not enough for a request from another site' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'This method is not possible here' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not of a type that is taken here' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  misconfigured: { status: 503, title: 'A part of the service is not set up' },
  overloaded: { status: 503, title: 'There is more to do than can be done at the moment' },
  dependency_unavailable: { status: 503, title: 'A part of the service is unavailable' },
});
