import { createServer, type RequestListener, type Server } from 'node:http';
import { type ServerType, serve } from '@hono/node-server';
import { InferenceClient } from '@huggingface/inference';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readResponseSchema, sidecarReadySchema } from '../contracts/sidecar.ts';
import { signServiceToken } from '../core/security/service-token.ts';
import { createLogger } from '../core/telemetry/logger.ts';
import { createSidecarApp } from './app.ts';
import { createDigestService } from './digest-service.ts';
import { previewLimits, readingLimits, streamingLimits } from './limits.ts';
import type { Embedder, EmbedderHandle } from './models/embedder.ts';
import { createObjectSource } from './object-source.ts';
import { createPreviewService } from './previews/preview-service.ts';
import { createRendererPool } from './previews/renderer-pool.ts';
import { createReadService } from './reading/read-service.ts';
import { createReaderPool } from './reading/reader-pool.ts';
import { createScanService } from './scanning/scan-service.ts';
import { createTestAnalyses } from './testing/analyses.ts';
import { makePdf, makePdfBomb } from './testing/documents.ts';
import { createTestModels, loadTestEmbedder, modelIsOptional, resolveTestModel } from './testing/model.ts';

const secret = 'a secret of the test that is long enough';
const logger = createLogger('silent', {});
const missing: EmbedderHandle = {
  current: () => undefined,
  state: () => ({ id: 'auto', state: 'missing', reason: 'No source has it.' }),
  close: async () => undefined,
};

let store: Server;
let storeUrl: string;
let serveObject: RequestListener = (_, response) => response.writeHead(404).end();
const pool = createReaderPool(readingLimits);
const renderers = createRendererPool(previewLimits);

beforeAll(async () => {
  store = createServer((request, response) => serveObject(request, response));
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  storeUrl = urlOf(store);
});
afterAll(async () => {
  store.closeAllConnections();
  store.close();
  await pool.close();
  await renderers.close();
});
afterEach(() => {
  serveObject = (_, response) => response.writeHead(404).end();
});

function urlOf(server: ServerType | Server): string {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function createApp(embedding: EmbedderHandle = missing, limits = readingLimits, readers = pool) {
  const source = createObjectSource({ objectStore: storeUrl, idleMilliseconds: 5_000 });
  return createSidecarApp({
    serviceTokenSecret: secret,
    embedding,
    models: createTestModels(),
    reading: createReadService({ pool: readers, source, limits }),
    previews: createPreviewService({ pool: renderers, source, limits: previewLimits }),
    digests: createDigestService({ source, turns: streamingLimits.turns }),
    scans: createScanService({ source, scanner: undefined, turns: streamingLimits.turns }),
    analyses: createTestAnalyses(),
    logger,
    now: () => new Date(),
  });
}

async function post(path: string, body: unknown, app = createApp()): Promise<Response> {
  const token = await signServiceToken(secret, 'ai', 'sidecar', new Date());
  return app.request(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function readCall(bytes: Uint8Array | string, url = `${storeUrl}/bucket/key?signature=1`) {
  serveObject = (_, response) => response.end(bytes);
  return { url, size: Buffer.byteLength(bytes), name: 'a.txt', contentType: 'text/plain' };
}

describe('the door', () => {
  it.each([
    '/v1/read',
    '/v1/preview',
    '/v1/digest',
    '/v1/scan',
    '/v1/analyses',
    '/v1/models/feature-extraction',
    '/v1/anything',
  ])('refuses %s without a token', async (path) => {
    const response = await createApp().request(path, { method: 'POST', body: '{}' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      code: 'unauthorized',
      status: 401,
      requestId: expect.any(String),
    });
  });

  it('refuses a token for another service, of another secret, or expired', async () => {
    const tokens = await Promise.all([
      signServiceToken(secret, 'ai', 'storage', new Date()),
      signServiceToken('another secret that is long enough too', 'ai', 'sidecar', new Date()),
      signServiceToken(secret, 'ai', 'sidecar', new Date(Date.now() - 600_000)),
    ]);
    for (const token of tokens) {
      const headers = { authorization: `Bearer ${token}` };
      expect((await createApp().request('/v1/read', { method: 'POST', headers })).status).toBe(401);
    }
  });

  it('answers for its health without a token', async () => {
    expect((await createApp().request('/healthz')).status).toBe(200);
  });

  it('refuses what is not JSON, what is too large, and what is not there', async () => {
    expect(await (await post('/v1/read', '{')).json()).toMatchObject({ code: 'invalid_request' });
    expect(await (await post('/v1/read', 'x'.repeat(9_000_000))).json()).toMatchObject({
      code: 'payload_too_large',
    });
    expect(await (await post('/v1/nothing', {})).json()).toMatchObject({ code: 'not_found' });
  });
});

describe('without a model', () => {
  it('is alive and says which model is missing', async () => {
    const response = await createApp().request('/readyz');
    expect(response.status).toBe(200);
    const body = sidecarReadySchema.parse(await response.json());
    expect(body).toMatchObject({
      status: 'degraded',
      models: { 'feature-extraction': { state: 'missing' } },
    });
  });

  it('answers 503 with a time to come back', async () => {
    const response = await post('/v1/models/feature-extraction', { inputs: ['text'] });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ code: 'model_unavailable' });
  });

  it.each([
    {},
    { inputs: [] },
    { inputs: 7 },
    { inputs: ['x'.repeat(20_001)] },
    { inputs: Array(257).fill('x') },
  ])('refuses inputs over the limits first', async (body) => {
    expect(await (await post('/v1/models/feature-extraction', body)).json()).toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('reading', () => {
  it('reads an object by its presigned URL', async () => {
    const response = await post('/v1/read', readCall('The treaty was signed in the spring of 1648.'));
    const body = readResponseSchema.parse(await response.json());
    expect(body).toMatchObject({ status: 'read', contentType: 'text/plain', language: 'en' });
  });

  it('reads a PDF in its process', async () => {
    const response = await post(
      '/v1/read',
      readCall(makePdf({ pages: [['Minutes of the spring meeting']] })),
    );
    expect(await response.json()).toMatchObject({ status: 'read', contentType: 'application/pdf' });
  });

  it.each(['http://169.254.169.254/latest', 'http://localhost:1/x', 'file:///etc/passwd'])(
    'never fetches %s',
    async (url) => {
      expect(await (await post('/v1/read', readCall('x', url))).json()).toMatchObject({
        code: 'source_forbidden',
      });
    },
  );

  it('does not follow a redirect', async () => {
    const call = readCall('x');
    let hits = 0;
    const elsewhere = createServer((_, response) => {
      hits++;
      response.end('x');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void elsewhere.close());
    serveObject = (_, response) => response.writeHead(302, { location: urlOf(elsewhere) }).end();
    expect(await (await post('/v1/read', call)).json()).toMatchObject({ code: 'source_unavailable' });
    expect(hits).toBe(0);
  });

  it.each([
    [404, 404, 'source_gone'],
    [403, 503, 'source_unavailable'],
    [500, 503, 'source_unavailable'],
    [503, 503, 'source_unavailable'],
  ])('turns %i of the object store into %i %s', async (stored, status, code) => {
    const call = readCall('x');
    serveObject = (_, response) => response.writeHead(stored).end();
    const response = await post('/v1/read', call);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  it.each([-1, 1])(
    'takes a transfer of the wrong length for a fault of the store (%i)',
    async (difference) => {
      const call = readCall('some text');
      const response = await post('/v1/read', { ...call, size: call.size + difference });
      expect(await response.json()).toMatchObject({ code: 'source_unavailable' });
    },
  );

  it('says why a file over the limit is skipped, without fetching it', async () => {
    const response = await post('/v1/read', { ...readCall('x'), size: readingLimits.fileBytes + 1 });
    expect(await response.json()).toMatchObject({
      status: 'skipped',
      reason: expect.stringContaining('250 MB'),
    });
  });

  it('ends a document that takes too long and reads the next one', async () => {
    const limits = { ...readingLimits, parseMilliseconds: 1 };
    const hasty = createReaderPool(limits);
    onTestFinished(() => hasty.close());
    const late = await post('/v1/read', readCall('some text'), createApp(missing, limits, hasty));
    expect(await late.json()).toMatchObject({ status: 'failed', reason: expect.stringContaining('within') });
    expect(await (await post('/v1/read', readCall('some text again'))).json()).toMatchObject({
      status: 'read',
    });
  });

  it('survives a document that needs too much memory', async () => {
    const limits = { ...readingLimits, heapMebibytes: 24 };
    const small = createReaderPool(limits);
    onTestFinished(() => small.close());
    const call = readCall(`[${'"memory",'.repeat(1_500_000)}1]`);
    const response = await post('/v1/read', { ...call, name: 'a.json' }, createApp(missing, limits, small));
    expect(await response.json()).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('memory'),
    });
  });

  it('ends a PDF that unpacks to more than fits into memory', async () => {
    const limits = { ...readingLimits, memoryMebibytes: 400 };
    const small = createReaderPool(limits);
    onTestFinished(() => small.close());
    const response = await post(
      '/v1/read',
      readCall(makePdfBomb(400_000_000)),
      createApp(missing, limits, small),
    );
    expect(await response.json()).toEqual({
      status: 'failed',
      contentType: 'application/pdf',
      reason: 'Reading the document needs more memory than is allowed.',
    });
  });

  it('answers 429 when too many documents wait', async () => {
    const app = createApp(missing, { ...readingLimits, concurrentReads: 1, waitingReads: 1 });
    const call = readCall('some text for all three');
    const answers = await Promise.all([
      post('/v1/read', call, app),
      post('/v1/read', call, app),
      post('/v1/read', call, app),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429]);
  });
});

describe.skipIf(modelIsOptional)('with the real model', () => {
  let embedder: Embedder;
  let server: ServerType;
  let client: InferenceClient;

  beforeAll(async () => {
    embedder = await loadTestEmbedder(await resolveTestModel());
    const ready: EmbedderHandle = {
      current: () => embedder,
      state: () => ({ id: embedder.model.id, state: 'ready', dimensions: embedder.model.dimensions }),
      close: () => embedder.close(),
    };
    const app = createApp(ready);
    server = await new Promise<ServerType>((resolve) => {
      const starting = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(starting));
    });
    const token = await signServiceToken(secret, 'ai', 'sidecar', new Date());
    client = new InferenceClient(token, { endpointUrl: `${urlOf(server)}/v1/models/feature-extraction` });
  });
  afterAll(async () => {
    server.close();
    await embedder.close();
  });

  async function vectorsOf(inputs: string[]): Promise<number[][]> {
    const answer = await client.featureExtraction({ inputs });
    return answer.map((row) => (Array.isArray(row) ? row.map(Number) : []));
  }

  const cosine = (a: number[] = [], b: number[] = []) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

  it('answers the unmodified client with unit vectors in which a paraphrase is closer than a stranger', async () => {
    const [text, paraphrase, stranger] = await vectorsOf([
      'How do I get my money back?',
      'I would like a refund for my purchase.',
      'The glacier retreats by twelve metres a year.',
    ]);
    expect(text).toHaveLength(embedder.model.dimensions);
    expect(cosine(text, text)).toBeCloseTo(1, 5);
    expect(cosine(text, paraphrase)).toBeGreaterThan(cosine(text, stranger) + 0.2);
  });

  it('answers one vector for one string', async () => {
    const answer = await client.featureExtraction({ inputs: 'a single text' });
    expect(answer).toHaveLength(embedder.model.dimensions);
    expect(typeof answer[0]).toBe('number');
  });

  it('gives a text the same vector alone and among others', async () => {
    const others = Array.from({ length: 30 }, (_, n) => `filler ${'word '.repeat(n * 5)}`);
    const [alone] = await vectorsOf(['the same text']);
    const among = await vectorsOf([...others, 'the same text']);
    expect(cosine(alone, among.at(-1))).toBeGreaterThan(0.9999);
  });

  it('cuts what is too long, or refuses it when asked to', async () => {
    const long = 'word '.repeat(3_000);
    expect(await vectorsOf([long])).toHaveLength(1);
    await expect(client.featureExtraction({ inputs: [long], truncate: false })).rejects.toThrow();
  });

  it('takes an empty text and a strange one', async () => {
    expect(await vectorsOf(['', '\u0000\uD800👩‍👩‍👧‍👦', '漢'.repeat(5_000)])).toHaveLength(3);
  });

  it('names the model in a header', async () => {
    const handle: EmbedderHandle = { ...missing, current: () => embedder };
    const response = await post('/v1/models/feature-extraction', { inputs: ['x'] }, createApp(handle));
    expect(response.headers.get('x-model')).toBe(embedder.model.id);
  });
});
