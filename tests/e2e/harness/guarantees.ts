import { expect } from 'vitest';
import { oauthRefusalSchema, problemSchema } from './wire.ts';

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

const SECURITY_HEADERS: Readonly<Record<string, RegExp>> = {
  'cache-control': /./,
  'content-security-policy': /default-src 'none'/,
  'cross-origin-resource-policy': /^same-origin$/,
  'permissions-policy': /./,
  'referrer-policy': /^no-referrer$/,
  'strict-transport-security': /^max-age=\d{8}/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
};

/** Stacks, statements, module files, folders of the server, addresses of its parts. */
const INTERNALS =
  /\n\s+at |\.(?:ts|js|mjs):\d|node_modules|\/(?:home|root|tmp|usr|var|work)\/|\b(?:select|insert into|update|delete from)\b.*\b(?:from|set|values|where)\b|NeonDb|drizzle|SQLSTATE|127\.0\.0\.1:\d/i;

/** Clients of OAuth expect refusals as their standards have them, and people a page (docs/errors.md). */
const OAUTH_CALL = /^POST \/oauth\/(token|register|revoke|device_authorization)\b/;
const PAGE = /^(GET|POST) \/oauth\/(authorize|device)\b/;

/** What holds for every answer of the gateway, whatever the test is about. */
export function expectGuarantees(
  request: string,
  { status, headers, bytes }: Answer,
  hasBody: boolean,
): void {
  const missing = Object.entries(SECURITY_HEADERS).filter(
    ([name, value]) => !value.test(headers.get(name) ?? ''),
  );
  expect(
    missing.map(([name]) => `${name}: ${headers.get(name)}`),
    `security headers of ${request} (${status})`,
  ).toEqual([]);
  const requestId = headers.get('x-request-id') ?? 'none';
  expect(requestId, `x-request-id of ${request} (${status})`).toMatch(/^[\w.-]{8,128}$/);
  expect(status, `${request} is a fault of the server`).not.toBe(500);
  if (status === 503) expect(headers.get('retry-after'), `retry-after of ${request}`).toMatch(/^\d+$/);
  // The readiness report is no refusal: its 503 says which part is away.
  if (status < 400 || !hasBody || request.endsWith('/readyz')) return;

  const type = headers.get('content-type') ?? '';
  if (PAGE.test(request) && type.startsWith('text/html')) return;
  if (OAUTH_CALL.test(request) && type.startsWith('application/json')) {
    const refusal = JSON.parse(new TextDecoder().decode(bytes));
    expect([400, 401], request).toContain(status);
    expect(oauthRefusalSchema.safeParse(refusal).error, request).toBeUndefined();
    return;
  }
  expect(headers.get('content-type'), `type of the refusal of ${request}`).toBe('application/problem+json');
  const text = new TextDecoder().decode(bytes);
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem, request).toMatchObject({ status, requestId, type: `urn:acs:problem:${problem.code}` });
  expect(text, `${request} tells of its internals`).not.toMatch(INTERNALS);
  if (status === 401) expect(headers.get('www-authenticate')).toMatch(/^Bearer/);
}
