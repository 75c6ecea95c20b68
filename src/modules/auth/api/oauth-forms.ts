import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { coreError } from '../../../core/http/app-error.ts';
import { json } from '../../../core/http/openapi.ts';
import { OauthError } from '../models/oauth-errors.ts';
import { type OauthParameters, oauthParameters } from '../models/oauth-requests.ts';
import type { ClientCredentials } from '../service/oauth-clients.ts';
import { NO_STORE } from './tokens.ts';

/** Of the endpoints that clients call, for `createRoute`: RFC 6749 5.2, not problem documents. */
const refusalSchema = z.object({ error: z.string(), error_description: z.string() });
export const oauthRefusals = {
  400: json(refusalSchema, 'Refused; an OAuth error'),
  401: json(refusalSchema, 'The client has not proven itself; an OAuth error'),
};
/** A form for `createRoute` that the handler reads itself, because refusals are not problem documents. */
export const formBody = {
  required: true,
  content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' as const } } },
};

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** @throws OauthError `invalid_request` for anything but a form (RFC 6749 4.1.3). */
export async function oauthForm(request: Request): Promise<OauthParameters> {
  if (!FORM.test(request.headers.get('content-type') ?? ''))
    throw new OauthError('invalid_request', 'Send application/x-www-form-urlencoded.');
  return oauthParameters(await request.text());
}

/** A form of one of our own pages; the first value of a name counts. */
export async function pageForm(request: Request): Promise<(name: string) => string> {
  const isForm = FORM.test(request.headers.get('content-type') ?? '');
  if (!isForm) throw coreError('unsupported_media_type', { detail: 'Send the form of the page.' });
  const values = new URLSearchParams(await request.text());
  return (name) => values.get(name) ?? '';
}

/**
 * Only our own pages may post to us. Under `Referrer-Policy: no-referrer` a browser sends `Origin: null` with a form,
 * and then `Sec-Fetch-Site`, which no page can set, has to say it.
 * @throws AppError `csrf_refused`
 */
export function refuseForeignForm(request: Request, publicOrigin: string): void {
  const origin = request.headers.get('origin') ?? 'null';
  const site = request.headers.get('sec-fetch-site');
  const own =
    origin === 'null'
      ? site === 'same-origin'
      : origin === publicOrigin && (site ?? 'same-origin') === 'same-origin';
  if (!own) throw coreError('csrf_refused', { detail: 'Use the page that this form belongs to.' });
}

/** RFC 6749 2.3.1. @throws OauthError when a client authenticates in two ways, or in a broken one */
export function clientCredentials(request: Request, parameters: OauthParameters): ClientCredentials {
  const fromBody = { clientId: parameters.get('client_id'), clientSecret: parameters.get('client_secret') };
  const header = request.headers.get('authorization');
  if (header === null) return fromBody;
  const basic = decodeBasic(header);
  if (basic === undefined)
    throw new OauthError('invalid_client', 'Authenticate by HTTP Basic, or in the body.');
  if (fromBody.clientSecret !== undefined || (fromBody.clientId ?? basic.clientId) !== basic.clientId)
    throw new OauthError('invalid_request', 'Authenticate the client in one way.');
  return basic;
}

function decodeBasic(header: string): { clientId: string; clientSecret: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  try {
    const [id, secret, ...rest] = atob(encoded).split(':').map(formDecoded);
    return id && secret && rest.length === 0 ? { clientId: id, clientSecret: secret } : undefined;
  } catch {
    return undefined;
  }
}

/** The parts are form-encoded before they are put together. */
function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** Runs one call of a client: refusals in the words of OAuth are answered as OAuth has them. */
export async function oauthAnswer<Status extends 200 | 201>(
  c: Context,
  status: Status,
  answer: () => Promise<object>,
) {
  try {
    const body: Record<string, unknown> = { ...(await answer()) };
    return c.json(body, status, { ...NO_STORE, pragma: 'no-cache' });
  } catch (error) {
    if (!(error instanceof OauthError)) throw error;
    const body = { error: error.code, error_description: error.message };
    return error.code === 'invalid_client'
      ? c.json(body, 401, { ...NO_STORE, 'www-authenticate': 'Basic realm="oauth"' })
      : c.json(body, 400, NO_STORE);
  }
}
