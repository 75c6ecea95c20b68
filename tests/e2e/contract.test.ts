import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { createClient, refusal, textOf } from './harness/client.ts';
import { ROOT } from './harness/local-stack.ts';
import { type Contract, readContract } from './harness/operations.ts';
import { sendRaw } from './harness/raw-http.ts';

const { url } = inject('installation');
const api = createClient(url);

/** The committed list of who may call what. A new operation has to be in it, so that somebody thinks of it. */
const PAGE = readFileSync(join(ROOT, 'docs/permissions.md'), 'utf8');
const ROWS = [...PAGE.matchAll(/^\| `([A-Z]+ \/\S*)` \| (open|`[a-z-]+:[a-z]+`) \|/gm)].map(
  ([, name = '', needs = '']) => ({ name, isOpen: needs === 'open' }),
);
/** The gateway's own are no module's. */
const PUBLIC = ['GET /healthz', 'GET /readyz', ...namesOf(true)].toSorted();
const SECURED = namesOf(false).toSorted();

function namesOf(isOpen: boolean): string[] {
  return ROWS.filter((row) => row.isOpen === isOpen).map(({ name }) => name);
}

describe('the contract', () => {
  let contract: Contract;

  beforeAll(async () => {
    contract = await readContract(api);
  });

  const operations = () =>
    Object.entries(contract.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        secured: operation['x-permission'] !== undefined,
        operation,
      })),
    );

  it('lists exactly the operations that are known to be public or secured', () => {
    const names = (secured: boolean) =>
      operations()
        .filter((operation) => operation.secured === secured)
        .map(({ name }) => name)
        .toSorted();
    expect(names(false)).toEqual(PUBLIC);
    expect(names(true)).toEqual(SECURED);
  });

  it('declares 401 for every secured operation', () => {
    for (const { name, secured, operation } of operations())
      if (secured) expect(Object.keys(operation.responses), name).toContain('401');
  });

  it('has every schema that it refers to', () => {
    const references = [...JSON.stringify(contract).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    const missing = references
      .map(([, name = '']) => name)
      .filter((name) => !(name in contract.components.schemas));
    expect(missing).toEqual([]);
  });

  it('names the address under which it was asked for', () => {
    expect(contract.servers).toEqual([{ url }]);
  });

  it('can be read by people', async () => {
    const answer = await api.call('GET', '/docs');
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    const text = textOf(answer).replaceAll('&#39;', "'");
    for (const { operation } of operations()) expect(text).toContain(operation.summary);
    expect(textOf(answer)).not.toMatch(/<script/i);
  });
});

describe('without a token', () => {
  const sample = (path: string) =>
    path
      .replace('/v1/files/{id}', `/v1/files/file_${'0'.repeat(32)}`)
      .replace('{versionId}', `ver_${'0'.repeat(32)}`)
      .replace('{page}', 'verify-email')
      .replaceAll(/\{\w+\}/g, 'nobody');

  it.each(SECURED)('%s answers 401', async (operation) => {
    const [method = '', path = ''] = operation.split(' ');
    const hasBody = method !== 'GET' && method !== 'DELETE';
    const headers = { 'tus-resumable': '1.0.0' };
    const answer = await api.call(method, sample(path), { headers, ...(hasBody ? { body: '{}' } : {}) });
    expect(refusal(answer)).toBe('401 unauthorized');
  });

  it.each(PUBLIC)('%s does not ask for one', async (operation) => {
    const [method = '', path = ''] = operation.split(' ');
    const json = path === '/v1/auth/refresh' ? { refreshToken: 'none of ours' } : {};
    const { status, bytes } = await api.call(method, sample(path), method === 'POST' ? { json } : {});
    // Forms of pages ask where they come from, not who sends them.
    expect(new TextDecoder().decode(bytes)).not.toMatch(/"code":"(unauthorized|permission_denied)"/);
    if (method === 'GET' && !path.includes('{') && path !== '/oauth/authorize') expect(status).toBe(200);
  });
});

describe('what does not exist', () => {
  it.each([
    '/v1',
    '/v1/',
    '/v2/files',
    '/v1/auth',
    '/v1/auth/unknown',
    '/v1/filesystem',
    '/admin',
    '/.env',
    '/metrics/x',
  ])('answers 404: %s', async (path) => {
    const { api: mine } = await newAccount(api);
    expect(refusal(await mine.call('GET', path))).toBe('404 not_found');
  });

  it.each([
    '/internal/events',
    '//internal/events',
    '/internal//events',
    '/v1/../internal/events',
    '/v1/files/../../internal/events',
    '/v1/files/%2e%2e/%2e%2e/internal/events',
    '/v1/files/%2e%2e%2f%2e%2e%2finternal%2fevents',
    '/v1/files/..%5c..%5cinternal%5cevents',
    '/v1/search/../../internal/events',
    '/v1/auth/../../internal/events',
    '/INTERNAL/events',
    '/%69nternal/events',
    '/internal/versions/ver_00000000000000000000000000000000/source',
  ])('of the inside is not reachable from outside: %s', async (path) => {
    const account = await newAccount(api);
    for (const method of ['GET', 'POST']) {
      const headers = {
        authorization: `Bearer ${account.tokens.accessToken}`,
        'x-forwarded-path': '/internal/events',
      };
      const answer = await sendRaw(url, { method, path, headers });
      expect([400, 404, 405, 411], `${method} ${path}: ${refusal(answer)}`).toContain(answer.status);
      expect(textOf(answer)).not.toContain('"events":[');
    }
  });

  it('keeps the request id that a client sends, and replaces one that is none', async () => {
    const kept = await api.call('GET', '/nowhere', { headers: { 'x-request-id': 'trace-0123456789' } });
    expect(kept.headers.get('x-request-id')).toBe('trace-0123456789');
    const replaced = await api.call('GET', '/nowhere', { headers: { 'x-request-id': '<script>' } });
    expect(replaced.headers.get('x-request-id')).not.toContain('<');
  });
});

describe('other origins', () => {
  it('may not read answers unless they are configured', async () => {
    const headers = { origin: 'https://evil.example' };
    const answer = await api.call('GET', '/healthz', { headers });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await api.call('OPTIONS', '/v1/files', {
      headers: { ...headers, 'access-control-request-method': 'PUT' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });
});
