import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestAnalyses, type TestAnalyses } from '../testing/analyses.ts';
import { textRequest } from '../testing/texts.ts';
import { rebuildText } from './version-text.ts';

let folder: string;
let analyses: TestAnalyses;
let server: Server;
let url: string;
let listener: RequestListener = (_, response) => response.end();
const seen: { url: string | undefined; body: string }[] = [];

const manifest = (name: string, more: object = {}) => ({
  name,
  version: '1.2.3',
  description: 'Of the test.',
  inputs: ['text'],
  outputs: ['value'],
  mediaTypes: ['*'],
  limits: { milliseconds: 1_500, characters: 1_000, outputBytes: 500 },
  ...more,
});

async function install(name: string, body: string, more: object = {}): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  const source = `export const manifest = ${JSON.stringify(manifest(name, more))};\nexport async function run(input, context) { ${body} }\n`;
  await writeFile(join(folder, name, 'index.mjs'), source);
}

async function run(steps: string[], text = 'Some text.') {
  return (await analyses.analyse(textRequest(text, steps), AbortSignal.timeout(30_000))).results;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plugins-'));
  await install('good', 'return { output: { value: input.text.length } };');
  await install(
    'shows',
    'return { output: { value: [Object.keys(input), Object.keys(context), Object.keys(process.env)] } };',
  );
  await install('loops', 'for (;;);');
  // Enough time to reach the limit of memory on a busy machine.
  const slow = { limits: { milliseconds: 15_000, characters: 1_000, outputBytes: 500 } };
  await install(
    'grows',
    'const kept = []; for (;;) kept.push(new Array(100_000).fill(Math.random()));',
    slow,
  );
  await install(
    'fills',
    'const kept = []; while (kept.length < 75) kept.push(new Uint8Array(4e6).fill(1)); for (;;) kept.at(0);',
    slow,
  );
  await install('exits', 'process.exit(1);');
  await install('throws', "throw new Error('No luck today.');");
  await install('wide', "return { output: { value: 'x'.repeat(1_000) } };");
  await install('other-keys', 'return { output: { value: 1, tags: ["admin"] } };');
  await install('lacking', 'return { output: {} };');
  await install('pictures', 'return { output: { value: 1 } };', { mediaTypes: ['image/*'] });
  await install('summary', 'return { output: { value: "mine" } };');
  await install('bad-manifest', 'return {};', { limits: {} });
  await mkdir(join(folder, 'broken'));
  await writeFile(join(folder, 'broken', 'index.mjs'), "throw new Error('Not today.');");
  server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      seen.push({ url: request.url, body: Buffer.concat(pieces).toString() });
      listener(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/plugin`;
  const remote = { ...manifest('remote'), inputs: ['text' as const, 'name' as const] };
  analyses = createTestAnalyses({
    folder,
    packages: ['no-such-package'],
    reload: true,
    http: [{ url, token: 'token', manifest: { ...remote, inputs: [...remote.inputs] } }],
  });
});
afterAll(async () => {
  await analyses.close();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

describe('the list', () => {
  it('names built-in steps first, and of what cannot run why', async () => {
    const { plugins } = await analyses.plugins();
    expect(
      plugins.slice(0, 8).every((entry) => entry.source === 'built-in' && entry.fault === undefined),
    ).toBe(true);
    expect(plugins.find(({ name }) => name === 'broken')?.fault).toBe('Not today.');
    expect(plugins.find(({ name }) => name === 'bad-manifest')?.fault).toContain('limits.milliseconds');
    expect(plugins.find(({ name }) => name === 'no-such-package')?.fault).toContain('not found');
    expect(plugins.find(({ name }) => name === 'good')).toMatchObject({
      version: '1.2.3',
      enabledByDefault: false,
    });
  });

  it('leaves a name to the built-in step', async () => {
    const { plugins } = await analyses.plugins();
    const named = plugins.filter(({ name }) => name === 'summary');
    expect(named.map(({ source, fault }) => [source, fault === undefined])).toEqual([
      ['built-in', true],
      ['folder', false],
    ]);
    expect((await run(['summary']))[0]?.output).toMatchObject({ method: 'extractive' });
  });
});

describe('a plugin on a thread', () => {
  it('ends as failed with a reason, and the others answer', async () => {
    const results = await run([
      'loops',
      'grows',
      'fills',
      'exits',
      'throws',
      'broken',
      'nobody',
      'good',
      'reading',
    ]);
    const byStep = new Map(results.map((result) => [result.step, result]));
    expect(byStep.get('loops')).toMatchObject({
      status: 'failed',
      reason: 'It did not end within 1.5 seconds.',
    });
    expect(byStep.get('grows')).toMatchObject({
      status: 'failed',
      reason: 'It needs more memory than is allowed.',
    });
    expect(byStep.get('fills')).toMatchObject({
      status: 'failed',
      reason: 'It needs more memory than is allowed.',
    });
    expect(byStep.get('exits')).toMatchObject({ status: 'failed', reason: 'It stopped unexpectedly.' });
    expect(byStep.get('throws')).toMatchObject({ status: 'failed', reason: 'No luck today.' });
    expect(byStep.get('broken')).toMatchObject({ status: 'failed', reason: 'Not today.' });
    expect(byStep.get('nobody')).toMatchObject({ status: 'failed' });
    expect(byStep.get('good')).toMatchObject({ status: 'done', output: { value: 10 }, version: '1.2.3' });
    expect(byStep.get('reading')?.status).toBe('done');
  });

  it('is held to the outputs and the size of its manifest', async () => {
    const results = await run(['wide', 'other-keys', 'lacking']);
    expect(results.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect(results.every(({ output }) => output === undefined)).toBe(true);
  });

  it('is skipped for other media types, and sees no more than it asks for', async () => {
    const [pictures, shows] = await run(['pictures', 'shows']);
    expect(pictures).toMatchObject({ status: 'skipped' });
    expect(shows?.output).toEqual({
      value: [['text', 'complete', 'contentType', 'language'], ['signal'], []],
    });
  });

  it('answers anew when its file has changed', async () => {
    await install('changing', 'return { output: { value: "old" } };');
    expect((await run(['changing']))[0]?.output).toEqual({ value: 'old' });
    await install('changing', 'return { output: { value: "newer" } };');
    expect((await run(['changing']))[0]?.output).toEqual({ value: 'newer' });
  });
});

describe('a plugin over HTTP', () => {
  it('is sent what its manifest asks for, and answers', async () => {
    listener = (_, response) => response.end(JSON.stringify({ output: { value: 7 } }));
    expect((await run(['remote']))[0]).toMatchObject({ status: 'done', output: { value: 7 } });
    const { input } = JSON.parse(seen.at(-1)?.body ?? '{}');
    expect(Object.keys(input).sort()).toEqual(['complete', 'contentType', 'language', 'name', 'text']);
  });

  it.each<[string, RequestListener]>([
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['an error', (_, response) => response.writeHead(500).end()],
    ['no JSON', (_, response) => response.end('<html>')],
    ['too much', (_, response) => response.end(JSON.stringify({ output: { value: 'x'.repeat(5_000) } }))],
    ['another form', (_, response) => response.end(JSON.stringify({ result: 1 }))],
    ['other keys', (_, response) => response.end(JSON.stringify({ output: { other: 1 } }))],
    ['nothing', () => undefined],
  ])('fails with a reason when it answers with %s', async (_, answer) => {
    listener = answer;
    const [result, reading] = await run(['remote', 'reading']);
    expect(result).toMatchObject({ status: 'failed', reason: expect.any(String) });
    expect(reading?.status).toBe('done');
    expect(seen.at(-1)?.url).toBe('/plugin');
  });
});

describe('the text of a version', () => {
  const chunk = (index: number, start: number, text: string) => ({
    index,
    start,
    end: start + text.length,
    text,
  });

  it('has every offset of the version, whatever overlaps or lies between', () => {
    const { text, complete } = rebuildText(
      [chunk(0, 2, 'One. Two.'), chunk(1, 7, 'Two. Three.'), chunk(2, 21, 'Four.')],
      100,
    );
    expect([text.slice(2, 18), text.slice(21), complete]).toEqual(['One. Two. Three.', 'Four.', true]);
  });

  it('ends where the limit is, between characters, and says so', () => {
    expect(rebuildText([chunk(0, 0, 'abc😀')], 4)).toEqual({ text: 'abc', complete: false });
    expect(rebuildText([chunk(0, 1e15, 'far')], 100)).toEqual({ text: '', complete: false });
    expect(rebuildText([chunk(0, 0, 'a\ud800b')], 100).text).toBe('a\ufffdb');
  });
});
