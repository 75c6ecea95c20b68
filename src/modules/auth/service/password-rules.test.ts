import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dictionary } from '@zxcvbn-ts/language-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppError } from '../../../core/http/app-error.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { createBreachedPasswords } from '../adapters/breached-passwords.ts';
import { createCommonPasswords } from '../adapters/common-passwords.ts';
import { newAddress } from '../testing/test-emails.ts';
import { startTestSystem } from '../testing/test-system.ts';
import { createCheckNewPassword } from './password-rules.ts';

const common = createCommonPasswords();
const check = createCheckNewPassword({ common, breached: undefined, host: 'drive.acme.test' });
const ADA = { email: 'ada.lovelace@engines.example.com', name: 'Ada Lovelace-Byron' };

/** The code of the refusal; undefined for a password that is taken. */
const refusal = (password: string, passwordMinLength = 8) =>
  check(password, { passwordMinLength }, ADA).then(
    () => undefined,
    ({ code }: AppError) => code,
  );

describe('a new password', () => {
  test('is none of the common ones of eight characters or more, in any case', async () => {
    const words = dictionary['passwords-common'].filter(({ length }) => length >= 8);
    expect(words.length).toBeGreaterThan(17_000);
    const taken: string[] = [];
    for (const word of words)
      if (!(await common.has(word)) || !(await common.has(word.toUpperCase()))) taken.push(word);
    expect(taken).toEqual([]);
    expect(await refusal('Password123')).toBe('password_too_common');
  });

  test.each([
    'lovelace2026',
    'LOVELACE!',
    'ada.lovelace',
    'Ada Lovelace',
    'ada.lovelace@engines.example.com',
    'engines1234',
    'Example-20261123',
    'lovelacelovelace',
    'Byron Byron 7',
    'aicloudstorage',
    'AI Cloud Storage 1',
    'cloud-storage-99',
    'drive.acme.test',
    'ｌｏｖｅｌａｃｅ１',
  ])('is not made of the words around it: %s', async (password) => {
    expect(await refusal(password)).toBe('password_too_common');
  });

  test.each([
    'lovelace plays the cello',
    'correct horse battery',
    'storage units in Leeds',
    'пароль не простой',
    '  spaces matter  ',
    'x7-q9Zk.',
  ])('may be anything else: %s', async (password) => {
    expect(await refusal(password)).toBeUndefined();
  });

  test('is as long as the policy says, counted in characters', async () => {
    expect(await refusal('🎉🦄🍰🚀🌈🐙🎻🧊🪁', 10)).toBe('password_too_short');
    expect(await refusal('🎉🦄🍰🚀🌈🐙🎻🧊🪁🛶', 10)).toBeUndefined();
  });
});

describe('a look at known breaches', () => {
  const BREACHED = 'was once on a list';
  const PADDED = 'only in the padding';
  const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase();
  const requests: { url: string; padding: string | undefined }[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let url: string;
  const warnings: string[] = [];
  const logger = createLogger('warn', {}, (line) => void warnings.push(line));
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', padding: String(request.headers['add-padding']) });
    answer(request, response);
  });
  const ranges = (request: IncomingMessage, response: ServerResponse) => {
    const prefix = request.url?.split('/').at(-1) ?? '';
    const lines = [
      [BREACHED, 7],
      [PADDED, 0],
    ].flatMap(([text, count]) => {
      const hash = sha1(String(text));
      return hash.startsWith(prefix) ? [`${hash.slice(5)}:${count}`] : [];
    });
    response
      .setHeader('content-type', 'text/plain')
      .end(['0018A45C4D1DEF81644B54AB7F969B88D65:0', ...lines].join('\r\n'));
  };
  const breached = () => createBreachedPasswords({ url, logger });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
    answer = ranges;
  });
  afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()));

  test('finds a breached one, tells five digits of its hash, and does not mind padding', async () => {
    requests.length = 0;
    expect(await breached().has(BREACHED)).toBe(true);
    expect(await breached().has(PADDED)).toBe(false);
    expect(await breached().has('nobody ever had this one')).toBe(false);
    expect(requests[0]).toEqual({ url: `/range/${sha1(BREACHED).slice(0, 5)}`, padding: 'true' });
  });

  test.each([
    ['a fault', (_: IncomingMessage, response: ServerResponse) => response.writeHead(500).end()],
    ['another status', (_: IncomingMessage, response: ServerResponse) => response.writeHead(429).end()],
    [
      'a redirect',
      (_: IncomingMessage, response: ServerResponse) =>
        response.writeHead(302, { location: '/range/x' }).end(),
    ],
    ['nothing, ever', () => {}],
  ])('takes passwords without it when it answers with %s, and says so in the log', async (_, behaviour) => {
    answer = (request, response) => void behaviour(request, response);
    warnings.length = 0;
    requests.length = 0;
    const startedAt = performance.now();
    expect(await breached().has(BREACHED)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(requests).toHaveLength(1);
    expect(warnings).toHaveLength(1);
    answer = ranges;
  });

  test('refuses registration with such a password where it is configured', async () => {
    const system = await startTestSystem({ PASSWORD_BREACH_URL: url });
    const json = { email: newAddress(), password: BREACHED };
    expect(await system.call('POST', '/v1/auth/register', { json })).toMatchObject({
      status: 422,
      body: { code: 'password_breached' },
    });
    await system.close();
  });
});
