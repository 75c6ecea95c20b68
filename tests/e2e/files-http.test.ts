import { beforeAll, describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { type Client, createClient, refusal, textOf } from './harness/client.ts';
import { upload } from './harness/files.ts';
import { type Operation, operationsOf, readContract } from './harness/operations.ts';
import { newPrincipal } from './harness/principals.ts';
import { overOneConnection, type RawRequest, sendRaw } from './harness/raw-http.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const TEXT = 'abcdefghijklmnopqrstuvwxyz';
const PLAIN = { 'accept-encoding': 'identity' };

let mine: Client;
let path: string;
let token: string;
/** Stand for what the file has, in the tables below. */
let own: Readonly<Record<'ETAG' | 'MODIFIED' | 'BEFORE' | 'AFTER', string>>;

beforeAll(async () => {
  const account = await newAccount(api);
  mine = account.api;
  token = account.tokens.accessToken;
  const file = await upload(mine, 'alphabet.txt', TEXT);
  path = `/v1/files/${file.id}/content`;
  const { headers } = await mine.call('GET', path, { headers: PLAIN });
  const modified = new Date(headers.get('last-modified') ?? 'none').getTime();
  own = {
    ETAG: headers.get('etag') ?? '',
    MODIFIED: new Date(modified).toUTCString(),
    BEFORE: new Date(modified - 1_000).toUTCString(),
    AFTER: new Date(modified + 1_000).toUTCString(),
  };
});

function ask(method: string, headers: Readonly<Record<string, string>>) {
  const filled = Object.entries(headers).map(([name, value]) => [
    name,
    value.replaceAll(/ETAG|MODIFIED|BEFORE|AFTER/g, (name) => own[name as keyof typeof own]),
  ]);
  return mine.call(method, path, { headers: { ...PLAIN, ...Object.fromEntries(filled) } });
}

describe('conditions on a read, in the order of RFC 9110, section 13.2.2', () => {
  it.each<[Readonly<Record<string, string>>, number]>([
    [{}, 200],
    [{ 'if-match': 'ETAG' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"x", ETAG' }, 200],
    [{ 'if-match': 'W/ETAG' }, 412],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '"x"', 'if-none-match': 'ETAG' }, 412],
    [{ 'if-match': 'ETAG', 'if-none-match': 'ETAG' }, 304],
    [{ 'if-match': 'ETAG', 'if-unmodified-since': 'BEFORE' }, 200],
    [{ 'if-match': '"x"', 'if-unmodified-since': 'AFTER' }, 412],
    [{ 'if-unmodified-since': 'AFTER' }, 200],
    [{ 'if-unmodified-since': 'MODIFIED' }, 200],
    [{ 'if-unmodified-since': 'BEFORE' }, 412],
    [{ 'if-unmodified-since': 'yesterday' }, 200],
    [{ 'if-unmodified-since': 'BEFORE', 'if-none-match': 'ETAG' }, 412],
    [{ 'if-none-match': 'ETAG' }, 304],
    [{ 'if-none-match': 'W/ETAG' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-none-match': '"x"', 'if-modified-since': 'AFTER' }, 200],
    [{ 'if-none-match': 'ETAG', 'if-modified-since': 'BEFORE' }, 304],
    [{ 'if-modified-since': 'AFTER' }, 304],
    [{ 'if-modified-since': 'BEFORE' }, 200],
    [{ 'if-modified-since': '2026-11-03' }, 200],
    [{ 'if-match': '"x"', range: 'bytes=0-1' }, 412],
    [{ 'if-none-match': 'ETAG', range: 'bytes=0-1' }, 304],
  ])('%j is answered with %i', async (headers, status) => {
    const answer = await ask('GET', headers);
    expect(answer.status).toBe(status);
    if (status === 200) expect(textOf(answer)).toBe(TEXT);
    if (status === 304) expect(answer.headers.get('etag')).toBe(own.ETAG);
    expect((await ask('HEAD', headers)).status).toBe('range' in headers && status === 206 ? 200 : status);
  });
});

describe('ranges of a read, as RFC 9110, section 14 has them', () => {
  it.each<[Readonly<Record<string, string>>, string]>([
    [{ range: 'bytes=0-0' }, '206 a'],
    [{ range: 'bytes=0-25' }, `206 ${TEXT}`],
    [{ range: 'bytes=3-6' }, '206 defg'],
    [{ range: 'bytes=25-25' }, '206 z'],
    [{ range: 'bytes=20-' }, '206 uvwxyz'],
    [{ range: 'bytes=-1' }, '206 z'],
    [{ range: 'bytes=-100' }, `206 ${TEXT}`],
    [{ range: 'bytes=24-999999999999999999999' }, '206 yz'],
    [{ range: 'Bytes=0-1' }, '206 ab'],
    [{ range: 'bytes=26-' }, '416 26'],
    [{ range: 'bytes=-0' }, '416 26'],
    [{ range: 'bytes=99999999999999999999-' }, '416 26'],
    [{ range: 'bytes=5-2' }, `200 ${TEXT}`],
    [{ range: 'bytes=' }, `200 ${TEXT}`],
    [{ range: 'bytes=a-b' }, `200 ${TEXT}`],
    [{ range: 'letters=1-2' }, `200 ${TEXT}`],
    [{ range: 'bytes=0-1,4-5' }, `200 ${TEXT}`],
    [{ range: 'bytes=0-1', 'if-range': 'ETAG' }, '206 ab'],
    [{ range: 'bytes=0-1', 'if-range': 'W/ETAG' }, `200 ${TEXT}`],
    [{ range: 'bytes=0-1', 'if-range': '"x"' }, `200 ${TEXT}`],
    [{ range: 'bytes=0-1', 'if-range': 'BEFORE' }, `200 ${TEXT}`],
    [{ range: 'bytes=99-', 'if-range': '"x"' }, `200 ${TEXT}`],
  ])('%j is answered with %s', async (headers, expected) => {
    const answer = await ask('GET', headers);
    if (answer.status !== 416) {
      expect(`${answer.status} ${textOf(answer)}`).toBe(expected);
      expect(answer.headers.get('content-length')).toBe(String(answer.bytes.byteLength));
      return;
    }
    expect(refusal(answer)).toBe('416 range_not_satisfiable');
    expect(`416 ${answer.headers.get('content-range')}`).toBe(expected.replace('416 ', '416 bytes */'));
  });

  it('a thousand tiny ones at once cost one body of the file, not a thousand', async () => {
    const tiny = Array.from({ length: 1_000 }, (_, at) => `${at % 26}-${at % 26}`).join(',');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask('GET', { range: `bytes=${tiny}` })),
    );
    for (const answer of answers) expect([answer.status, textOf(answer)]).toEqual([200, TEXT]);
  });

  it('a thousand tiny reads, one range each, put the file together', async () => {
    const parts: string[] = [];
    for (let from = 0; from < 1_000; from += 50) {
      const some = Array.from({ length: 50 }, (_, index) => (from + index) % 26);
      const answers = await Promise.all(some.map((at) => ask('GET', { range: `bytes=${at}-${at}` })));
      parts.push(...answers.map((answer) => `${answer.status}${textOf(answer)}`));
    }
    expect(parts).toEqual(Array.from({ length: 1_000 }, (_, at) => `206${TEXT[at % 26]}`));
  });
});

describe('methods', () => {
  let operations: Operation[];
  let paths: Map<string, Set<string>>;

  beforeAll(async () => {
    operations = operationsOf(await readContract(api));
    paths = new Map();
    for (const { method, path } of operations.filter(({ path }) => path.startsWith('/v1/')))
      paths.set(path, (paths.get(path) ?? new Set()).add(method));
    expect(paths.size).toBeGreaterThan(80);
  });

  const sample = (template: string) => template.replaceAll(/\{\w+\}/g, 'nothing');

  it('that a path does not have are 405 and name those that it has', async () => {
    const { token: admin } = await newPrincipal(installation, { role: 'admin' });
    const wrong: string[] = [];
    for (const [template, methods] of paths) {
      // Where another template is just as good, its methods are there too.
      if ([...paths.keys()].some((other) => other !== template && fits(other, sample(template)))) continue;
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !methods.has(one))) {
        const headers = { 'tus-resumable': '1.0.0' };
        const answer = await api.as(admin).call(method, sample(template), { headers });
        const allowed = (answer.headers.get('allow') ?? '').split(', ').filter((one) => one !== 'HEAD');
        if (
          refusal(answer) !== '405 method_not_allowed' ||
          [...methods].some((one) => one !== 'OPTIONS' && !allowed.includes(one))
        )
          wrong.push(`${method} ${template}: ${refusal(answer)}, Allow: ${answer.headers.get('allow')}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('TRACE is off everywhere', async () => {
    for (const template of paths.keys()) {
      const headers = { authorization: `Bearer ${token}`, 'x-canary': 'reflected' };
      const answer = await sendRaw(api.url, { method: 'TRACE', path: sample(template), headers }).catch(
        () => undefined,
      );
      if (answer === undefined) continue;
      expect(answer.status, template).toBeGreaterThanOrEqual(400);
      expect(textOf(answer), template).not.toContain('reflected');
    }
  });

  it('a JSON body of another type is 415, one that is too large 413, one that is none 400', async () => {
    const bodies = operations.filter(({ name }) => JSON_CALLS.some((call) => name === call));
    expect(bodies).toHaveLength(JSON_CALLS.length);
    for (const { method, path: template, name } of bodies) {
      const at = template
        .replace('{id}', `file_${'0'.repeat(32)}`)
        .replace('{linkId}', `lnk_${'0'.repeat(32)}`);
      const send = async (body: string, type: string) =>
        refusal(await mine.call(method, at, { body, headers: { 'content-type': type } }));
      expect(await send('{"a":', 'application/json'), name).toMatch(/^400 (malformed_json|invalid_request)$/);
      expect(await send('name=x', 'application/x-www-form-urlencoded'), name).toMatch(/^4(00|15) /);
      const large = JSON.stringify({ name: 'x'.repeat(3 * 1024 * 1024) });
      expect(await send(large, 'application/json'), name).toMatch(/^413 /);
    }
  });

  it('HEAD has the headers of GET', async () => {
    const varying = new Set(['x-request-id', 'date', 'server-timing']);
    for (const path of ['/v1/files', '/v1/drives', '/v1/trash', '/v1/links', '/v1/shared', '/v1/webhooks']) {
      const [get, head] = [
        await mine.call('GET', path, { headers: PLAIN }),
        await mine.call('HEAD', path, { headers: PLAIN }),
      ];
      const names = (answer: typeof get) => [...answer.headers.keys()].filter((name) => !varying.has(name));
      expect([head.status, head.bytes.byteLength], path).toEqual([get.status, 0]);
      expect(
        names(head).filter((name) => name !== 'content-length'),
        path,
      ).toEqual(names(get).filter((name) => name !== 'content-length'));
    }
  });
});

describe('a connection', () => {
  const body = new Uint8Array(30_000);
  const length = { 'content-length': String(body.byteLength) };
  const authorization = () => ({ authorization: `Bearer ${token}` });

  it.each<[string, number, () => RawRequest]>([
    ['an upload by a stranger', 401, () => ({ method: 'POST', path: '/v1/files?name=a', headers: length })],
    [
      'an upload to a folder that is not there',
      404,
      () => ({
        method: 'POST',
        path: `/v1/files?name=a&parentId=file_${'0'.repeat(32)}`,
        headers: { ...authorization(), ...length },
      }),
    ],
    [
      'a new version of what has changed since',
      412,
      () => ({ method: 'PUT', path, headers: { ...authorization(), ...length, 'if-match': '"x"' } }),
    ],
    [
      'bytes for an upload that there is not',
      404,
      () => ({
        method: 'PATCH',
        path: `/v1/tus/upl_${'0'.repeat(32)}`,
        headers: {
          ...authorization(),
          ...length,
          ...{ 'tus-resumable': '1.0.0', 'upload-offset': '0' },
          'content-type': 'application/offset+octet-stream',
        },
      }),
    ],
    ['a body for no operation', 404, () => ({ method: 'POST', path: '/v1/nothing', headers: length })],
  ])('is good for the next request when %s was refused', async (_, status, refused) => {
    const next = { method: 'GET', path: '/healthz' };
    const answers = await overOneConnection(installation.url, [{ ...refused(), body }, next]);
    expect(answers).toEqual([
      { status, isSameConnection: false },
      { status: 200, isSameConnection: true },
    ]);
  });
});

const JSON_CALLS = [
  'POST /v1/folders',
  'PATCH /v1/files/{id}',
  'POST /v1/files/{id}/copy',
  'POST /v1/files/{id}/grants',
  'POST /v1/files/{id}/links',
  'POST /v1/files/{id}/comments',
  'PATCH /v1/links/{linkId}',
  'POST /v1/uploads',
  'POST /v1/webhooks',
];

/** Whether a template takes this path. */
function fits(template: string, path: string): boolean {
  const [steps, parts] = [template.split('/'), path.split('/')];
  return (
    steps.length === parts.length && steps.every((step, at) => step.startsWith('{') || step === parts[at])
  );
}
