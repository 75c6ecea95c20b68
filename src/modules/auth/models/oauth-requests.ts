import { OauthError } from './oauth-errors.ts';

/** RFC 6749 3.1 and 3.2: a parameter without a value is left out, and none may be there twice. */
export interface OauthParameters {
  get(name: string): string | undefined;
  getAll(name: string): string[];
}

/** RFC 8707 2 alone allows a parameter to be repeated. */
const REPEATABLE = new Set(['resource']);

/** @throws OauthError `invalid_request` when a parameter is repeated. */
export function oauthParameters(text: string): OauthParameters {
  const values = new URLSearchParams(text);
  for (const name of values.keys()) {
    if (!REPEATABLE.has(name) && values.getAll(name).length > 1)
      throw new OauthError('invalid_request', 'A parameter is there more than once.');
  }
  return {
    get: (name) => values.get(name) || undefined,
    getAll: (name) => values.getAll(name).filter((value) => value !== ''),
  };
}

/** RFC 7636 4.1 and 4.2. */
export const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;
export const CODE_CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
/** RFC 6749 A.5, and no longer than a query should be. */
export const STATE = /^[\x20-\x7e]{1,2000}$/;

/** RFC 8707: tokens are for this deployment and nothing else. @throws OauthError `invalid_target` */
export function refuseForeignResources(resources: readonly string[], origin: string): void {
  const own = resources.every((resource) => {
    if (!URL.canParse(resource) || resource.includes('#')) return false;
    return new URL(resource).origin === origin;
  });
  if (!own) throw new OauthError('invalid_target', 'Tokens for that resource are not issued here.');
}
