/** RFC 6749 5.2 and 4.1.2.1, RFC 7591 3.2.2, RFC 8628 3.5, RFC 8707 2. */
export type OauthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'access_denied';

/** A refusal in the words of OAuth, which clients expect in place of a problem document. */
export class OauthError extends Error {
  override name = 'OauthError';
  readonly code: OauthErrorCode;

  /** @param description ASCII without quote and backslash (RFC 6749 5.2); never what the client sent. */
  constructor(code: OauthErrorCode, description: string) {
    super(description);
    this.code = code;
  }
}
