import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCodeOf, type SpawnedService, spawnService } from '../testing/spawn-service.ts';

const MAIN = new URL('./main.ts', import.meta.url);
const MAIL = {
  from: 'Us <us@example.com>',
  to: ['ann@example.com'],
  subject: 'Confirm',
  text: 'Go to\n\nhttp://127.0.0.1:8787/verify#token=a&b=c\n\nBye',
  html: '<p>Go</p>',
};

let dir: string;
let service: SpawnedService;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'acs-mail-')), 'mail');
  service = await start();
});
afterEach(async () => {
  await service.stop('SIGKILL');
  await rm(join(dir, '..'), { recursive: true, force: true });
});

const start = () => spawnService(MAIN, { DATA_DIR: dir, EMAIL_API_KEY: 'key' });

function send(mail: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${service.url}/emails`, {
    method: 'POST',
    headers: { authorization: 'Bearer key', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(mail),
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
const messages = async (query = ''): Promise<any[]> =>
  JSON.parse(await (await fetch(`${service.url}/messages${query}`)).text()).messages;

test('a mail is listed, newest first, and found by its address in any case', async () => {
  await send(MAIL);
  expect((await send({ ...MAIL, to: 'Bob@example.com', subject: 'Second' })).status).toBe(200);
  expect((await messages()).map(({ subject }) => subject)).toEqual(['Second', 'Confirm']);
  expect(await messages('?to=bob%40EXAMPLE.com')).toMatchObject([{ to: ['Bob@example.com'] }]);
  expect(await messages('?to=nobody@example.com')).toEqual([]);
});

test('a mail is kept as .eml and .json, which only their owner can read, over a restart', async () => {
  await send({ ...MAIL, subject: 'Grüße\r\nBcc: all@example.com' });
  const names = await readdir(dir);
  expect(names.map((name) => name.split('.').at(-1)).toSorted()).toEqual(['eml', 'json']);
  for (const name of names) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  const eml = await readFile(join(dir, names.find((name) => name.endsWith('.eml')) ?? ''), 'utf8');
  expect(eml).not.toMatch(/^Bcc:/m);
  expect(eml).toContain('\r\nTo: ann@example.com\r\n');
  expect(eml).toContain('http://127.0.0.1:8787/verify#token=a&b=c');
  expect(await service.stop('SIGTERM')).toBe(0);
  service = await start();
  expect(await messages()).toHaveLength(1);
});

test('the same idempotency key is the same mail, after a restart too', async () => {
  const first = await (await send(MAIL, { 'idempotency-key': 'eml_1' })).json();
  expect(await (await send(MAIL, { 'idempotency-key': 'eml_1' })).json()).toEqual(first);
  await service.stop('SIGTERM');
  service = await start();
  expect(await (await send(MAIL, { 'idempotency-key': 'eml_1' })).json()).toEqual(first);
  expect(await messages()).toHaveLength(1);
});

test('only who has the key may send, and only what is a mail', async () => {
  expect((await send(MAIL, { authorization: 'Bearer other' })).status).toBe(401);
  expect((await send({ ...MAIL, to: [] })).status).toBe(422);
  expect((await send('nothing')).status).toBe(422);
  expect(await messages()).toEqual([]);
});

test('the page shows links as links and everything else as text, and runs nothing', async () => {
  await send({ ...MAIL, subject: '<script>alert(1)</script>', text: `${MAIL.text} "><img src=x onerror=y>` });
  const response = await fetch(service.url);
  const page = await response.text();
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
  expect(page).not.toMatch(/<script|<img/);
  expect(page).toContain('href="http://127.0.0.1:8787/verify#token=a&amp;b=c"');
});

test('a page under another name that points here gets nothing', async () => {
  await send(MAIL);
  const status = await new Promise((resolve, reject) => {
    const { port } = new URL(service.url);
    const headers = { host: 'evil.example' };
    request({ host: '127.0.0.1', port, path: '/messages', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});

test('it does not start without a key', async () => {
  expect(await exitCodeOf(MAIN, { DATA_DIR: dir })).toBe(1);
});
