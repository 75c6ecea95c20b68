import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEdgeGuard, type EdgeGuard } from './edge-guard.ts';

let folder: string;
let guard: EdgeGuard;
let runtime: Miniflare | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-edge-guard-'));
  guard = createEdgeGuard();
});
afterEach(async () => {
  await runtime?.dispose();
  runtime = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** A Worker that answers what `body`, a function body with `request`, gives. */
async function plant(body: string, head = ''): Promise<URL> {
  const path = join(folder, 'index.js');
  await writeFile(
    path,
    `${head}
    export default { async fetch(request) {
      try { return new Response(String(await (async () => { ${body} })())); }
      catch (error) { return new Response(error.name + ': ' + error.message, { status: 500 }); }
    } };`,
  );
  runtime = new Miniflare({
    log: new Log(LogLevel.NONE),
    inspectorPort: 0,
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      guard.listen(stdout);
      guard.listen(stderr);
    },
    workers: [
      {
        name: 'planted',
        ...(await guard.script(path, true)),
        compatibilityDate: '2026-07-30',
        compatibilityFlags: ['nodejs_compat'],
      },
    ],
  });
  const url = await runtime.ready;
  await guard.watch(await runtime.getInspectorURL());
  return url;
}

async function answerOf(url: URL, init?: RequestInit): Promise<string> {
  return (await fetch(url, init)).text();
}

async function finish(): Promise<string> {
  await guard.drain();
  await runtime?.dispose();
  runtime = undefined;
  return guard.finish();
}

const KEY = `await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits'])`;
const derive = (iterations: number) =>
  `const bits = await crypto.subtle.deriveBits(
     { name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: ${iterations} }, ${KEY}, 256);
   return bits.byteLength;`;
/** The smallest module there is. */
const WASM = 'new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])';

describe('a Worker that keeps to what the platform allows', () => {
  test('works as it does without the guard', async () => {
    const url = await plant(derive(100_000));
    expect(await answerOf(url)).toBe('32');
    expect(await finish()).toMatch(/most memory planted \d+ MiB; 0 connections had to wait/);
  });
});

describe('the platform would refuse', () => {
  test.each([
    ['PBKDF2 of 100,001 rounds', 'pbkdf2', derive(100_001)],
    ['the same through node:crypto', 'pbkdf2', `return crypto2.pbkdf2Sync('p', 's', 100001, 32, 'sha256')`],
    ['eval', 'eval', `return eval('1')`],
    ['new Function', 'eval', `return new Function('return 1')()`],
    [
      'a function made through the constructor of another',
      'eval',
      `return (async () => 1).constructor('1')()`,
    ],
    ['WebAssembly.compile', 'wasm', `return WebAssembly.compile(${WASM})`],
    ['WebAssembly.instantiate from bytes', 'wasm', `return WebAssembly.instantiate(${WASM})`],
    ['new WebAssembly.Module', 'wasm', `return new WebAssembly.Module(${WASM})`],
  ])('%s, and so does the guard', async (_what, rule, body) => {
    const url = await plant(body, `import crypto2 from 'node:crypto';`);
    expect((await fetch(url)).status).toBe(500);
    await expect(finish()).rejects.toThrow(`${rule}: `);
  });

  test('what the Worker swallowed, all the same', async () => {
    const url = await plant(`try { eval('1') } catch {} return 'fine'`);
    expect(await answerOf(url)).toBe('fine');
    await expect(finish()).rejects.toThrow('eval: ');
  });

  test('a bundle with pbkdf2 by name from node:crypto, which the guard cannot see', async () => {
    await plant('return pbkdf2Sync.name', `import { pbkdf2Sync } from 'node:crypto';`);
    await expect(finish()).rejects.toThrow('imports it from node:crypto');
  });

  test('more memory than an isolate may have', async () => {
    const url = await plant(
      `(globalThis.kept ??= []).push(new Uint8Array(150 * 1024 * 1024).fill(1));
       await new Promise((resolve) => setTimeout(resolve, 2000)); return 'kept'`,
    );
    expect(await answerOf(url)).toBe('kept');
    await expect(finish()).rejects.toThrow('memory: planted used 1');
  });
});

describe('a body', () => {
  test('of more than 100 MB is refused before the Worker, by its announced length', async () => {
    const url = await plant(`return (await request.arrayBuffer()).byteLength`);
    const { status } = await fetch(url, { method: 'POST', body: new Uint8Array(100_000_001) });
    expect(status).toBe(413);
    await finish();
  });

  test('of unknown length breaks off beyond 100 MB', async () => {
    const url = await plant(
      `let bytes = 0; for await (const chunk of request.body) bytes += chunk.byteLength; return bytes`,
    );
    const chunk = new Uint8Array(1_000_000);
    const chunks = (count: number) =>
      new ReadableStream({
        pull: (controller) => (count-- > 0 ? controller.enqueue(chunk) : controller.close()),
      });
    const send = (count: number) => fetch(url, { method: 'POST', body: chunks(count), duplex: 'half' });
    expect(await (await send(3)).text()).toBe('3000000');
    expect((await send(101).catch(() => undefined))?.status ?? 500).toBe(500);
    await expect(finish()).rejects.toThrow('body: ');
  });
});

describe('connections', () => {
  let server: Server;
  let most: number;

  beforeEach(async () => {
    let open = 0;
    most = 0;
    server = createServer((_, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('ok');
      }, 200);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('of one request are six at once; a further one waits', async () => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = await plant(
      `const one = async () => (await fetch('http://127.0.0.1:${port}/')).text();
       return (await Promise.all(Array.from({ length: 9 }, one))).join('')`,
    );
    expect(await answerOf(url)).toBe('ok'.repeat(9));
    expect(most).toBe(6);
    expect(await finish()).toContain('3 connections had to wait');
  });
});
