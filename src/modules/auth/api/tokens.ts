import type { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { ACCESS_COOKIE, cookieOf, refuseCrossSite } from '../../../core/http/authorize.ts';
import type { Tokens, tokensSchema } from '../models/sign-in.ts';
import type { AuthVariables } from './app.ts';

type AuthEnv = { Bindings: object; Variables: AuthVariables };

export const NO_STORE = { 'cache-control': 'no-store' } as const;
export const REFRESH_COOKIE = '__Host-acs-refresh';
/** `cookie`: tokens are to travel in cookies that no script can read. */
export const TRANSPORT_HEADER = 'x-token-transport';

/**
 * Answers with tokens, as the client asked for them: in the body, or with `x-token-transport: cookie` in cookies.
 * Whoever came with a cookie gets cookies, so that no script can turn a cookie into a token that it can read.
 */
export function replyWithTokens<Status extends 200 | 201>(
  c: Context<AuthEnv>,
  tokens: Tokens,
  status: Status,
) {
  const { user, accessToken, refreshToken, expiresIn, refreshExpiresIn } = tokens;
  const about = { user, tokenType: 'Bearer' as const, expiresIn };
  if (!wantsCookies(c)) {
    const body: z.infer<typeof tokensSchema> = { ...about, accessToken, refreshToken };
    return c.json(body, status, NO_STORE);
  }
  setCookie(c, ACCESS_COOKIE, accessToken, expiresIn);
  setCookie(c, REFRESH_COOKIE, refreshToken, refreshExpiresIn);
  const body: z.infer<typeof tokensSchema> = about;
  return c.json(body, status, NO_STORE);
}

/** The refresh token that came in a cookie. */
export function refreshCookieOf(c: Context<AuthEnv>): string | undefined {
  return cookieOf(c.req.raw, REFRESH_COOKIE);
}

/** Takes the cookies back, and with `Clear-Site-Data` whatever else there is. */
export function clearCookies(c: Context<AuthEnv>): void {
  if (!wantsCookies(c)) return;
  setCookie(c, ACCESS_COOKIE, '', 0);
  setCookie(c, REFRESH_COOKIE, '', 0);
  c.header('clear-site-data', '"cookies"');
}

/**
 * A page of somebody else's must not sign a browser in, or use its cookies (login CSRF): where cookies come or are
 * asked for, the browser has to say that the request is from our own pages. A bearer token speaks for itself. Forms of
 * the authorisation server's pages come with `Origin: null`, and have a check of their own (oauth-forms.ts).
 */
export const refuseForgedSignIn: MiddlewareHandler<AuthEnv> = async (c, next) => {
  const asksForCookies = c.req.header(TRANSPORT_HEADER) === 'cookie';
  const bringsCookie = c.req.header('authorization') === undefined && hasCookie(c, REFRESH_COOKIE);
  const isForm = c.req.path.startsWith('/oauth/');
  if (asksForCookies || (bringsCookie && !isForm)) refuseCrossSite(c.req.raw, c.get('guard').publicOrigin);
  await next();
};

function wantsCookies(c: Context<AuthEnv>): boolean {
  if (c.req.header(TRANSPORT_HEADER) === 'cookie') return true;
  if (c.req.header('authorization') !== undefined) return false;
  return hasCookie(c, ACCESS_COOKIE) || hasCookie(c, REFRESH_COOKIE);
}

/** Also when it is there twice, and none of them counts. */
function hasCookie(c: Context<AuthEnv>, name: string): boolean {
  return (c.req.header('cookie') ?? '').split(';').some((pair) => pair.trim().startsWith(`${name}=`));
}

function setCookie(c: Context<AuthEnv>, name: string, value: string, maxAgeSeconds: number): void {
  const attributes = `Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Strict`;
  c.header('set-cookie', `${name}=${value}; ${attributes}`, { append: true });
}
