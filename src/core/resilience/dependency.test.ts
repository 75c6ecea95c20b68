import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import { createDependency, DependencyError } from './dependency.ts';
import { callSibling } from './sibling.ts';

let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/stalls') {
      response.write('a part');
      return;
    }
    if (request.url === '/breaks') {
      request.socket.destroy();
      return;
    }
    response.statusCode = Number(request.url?.slice(1));
    response.end('answer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  base = `http://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('a breaker', () => {
  test('opens after five failures in a row and refuses for a while', () => {
    const breaker = createBreaker({ now: () => 0 });
    for (let failures = 0; failures < 5; failures += 1) {
      expect(breaker.admits()).toBe(true);
      breaker.failed();
    }
    expect(breaker.admits()).toBe(false);
  });

  test('stays closed when a success comes between', () => {
    const breaker = createBreaker({ failures: 2, now: () => 0 });
    breaker.failed();
    breaker.succeeded();
    breaker.failed();
    expect(breaker.admits()).toBe(true);
  });

  test('lets one call try again after its time, and closes when that succeeds', () => {
    let time = 0;
    const breaker = createBreaker({ failures: 1, openMs: 100, now: () => time });
    breaker.failed();
    time = 100;
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    breaker.succeeded();
    expect([breaker.admits(), breaker.admits()]).toEqual([true, true]);
  });

  test('stays open when the try fails', () => {
    let time = 0;
    const breaker = createBreaker({ failures: 1, openMs: 100, now: () => time });
    breaker.failed();
    time = 150;
    expect(breaker.admits()).toBe(true);
    breaker.failed();
    time = 249;
    expect(breaker.admits()).toBe(false);
  });

  test('a try whose outcome never comes does not keep it open for ever', () => {
    let time = 0;
    const breaker = createBreaker({ failures: 1, openMs: 100, now: () => time });
    breaker.failed();
    time = 100;
    breaker.admits();
    time = 200;
    expect(breaker.admits()).toBe(true);
  });
});

describe('a guarded dependency', () => {
  test('an answer of 5xx is handed on, counts, and opens the breaker', async () => {
    const s3 = createDependency('s3', { timeoutMs: 1_000 });
    for (let calls = 0; calls < 5; calls += 1) expect((await s3.fetch(`${base}/503`)).status).toBe(503);
    await expect(s3.fetch(`${base}/200`)).rejects.toThrow('left alone');
  });

  test('an answer of 4xx does not count', async () => {
    const s3 = createDependency('s3', { timeoutMs: 1_000, failures: 1 });
    await s3.fetch(`${base}/404`);
    expect((await s3.fetch(`${base}/200`)).status).toBe(200);
  });

  test('silence ends with the time-out as a DependencyError', async () => {
    const s3 = createDependency('s3', { timeoutMs: 30 });
    await expect(s3.fetch(`${base}/silent`)).rejects.toBeInstanceOf(DependencyError);
  });

  test('a body that stalls ends with the time-out when the whole answer is wanted', async () => {
    const postgres = createDependency('postgres', { timeoutMs: 50 });
    await expect(postgres.fetch(`${base}/stalls`, {}, { wholeAnswer: true })).rejects.toThrow(
      'no answer within',
    );
  });

  test('a connection that breaks counts, but not while a client sends the body', async () => {
    const s3 = createDependency('s3', { timeoutMs: 1_000, failures: 1 });
    const init = { method: 'PUT', body: 'x' };
    await expect(s3.fetch(`${base}/breaks`, init, { bodyFromClient: true })).rejects.toThrow(DependencyError);
    await expect(s3.fetch(`${base}/breaks`, init)).rejects.not.toThrow('left alone');
    await expect(s3.fetch(`${base}/breaks`, init)).rejects.toThrow('left alone');
  });

  test('a caller who goes away does not count', async () => {
    const s3 = createDependency('s3', { timeoutMs: 1_000, failures: 1 });
    const signal = AbortSignal.abort();
    await expect(s3.fetch(`${base}/silent`, { signal })).rejects.toThrow(DependencyError);
    expect((await s3.fetch(`${base}/200`)).status).toBe(200);
  });

  test('call hands a signal on and turns what is thrown into a DependencyError', async () => {
    const redis = createDependency('redis', { timeoutMs: 20 });
    const wait = (signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await expect(redis.call(wait)).rejects.toMatchObject({ name: 'DependencyError', dependency: 'redis' });
  });
});

describe('a call to a sibling', () => {
  const sibling = (answer: () => Promise<Response>) => callSibling('storage', { fetch: answer }, '/x');

  test.each([200, 404])('answers with %i', async (status) => {
    expect((await sibling(async () => new Response(null, { status }))).status).toBe(status);
  });

  test.each([401, 500, 503])('of %i is a DependencyError', async (status) => {
    await expect(sibling(async () => new Response('', { status }))).rejects.toBeInstanceOf(DependencyError);
  });

  test('that throws is a DependencyError', async () => {
    await expect(sibling(() => Promise.reject(new Error('network')))).rejects.toBeInstanceOf(DependencyError);
  });
});
