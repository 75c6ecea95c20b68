import { createServer, type RequestListener, type Server } from 'node:http';
import { serve } from '@hono/node-server';
import type { ObjectRequest } from '../../contracts/sidecar.ts';
import { createSidecarFiles, type SidecarFiles } from '../../contracts/sidecar-files.ts';
import { signServiceToken } from '../../core/security/service-token.ts';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createSidecarApp } from '../app.ts';
import { createDigestService } from '../digest-service.ts';
import { type PreviewLimits, previewLimits, readingLimits, streamingLimits } from '../limits.ts';
import type { ModelManager } from '../models/manager.ts';
import { createObjectSource } from '../object-source.ts';
import { createPreviewService } from '../previews/preview-service.ts';
import { createRendererPool } from '../previews/renderer-pool.ts';
import { createReadService } from '../reading/read-service.ts';
import { createReaderPool } from '../reading/reader-pool.ts';
import { createClamd } from '../scanning/clamd.ts';
import { createScanService } from '../scanning/scan-service.ts';
import type { TurnLimits } from '../turns.ts';
import { createTestAnalyses } from './analyses.ts';
import { createTestModels } from './model.ts';

const SECRET = 'a secret of the test that is long enough';

export interface TestSidecarOptions {
  previews?: Partial<PreviewLimits>;
  streamingTurns?: TurnLimits;
  idleMilliseconds?: number;
  clamdAddress?: string;
  /** None are known otherwise; whoever made them closes them. */
  models?: ModelManager;
}

/** The sidecar without a model behind a real port, an object store that serves what it is told, and its client. */
export interface TestSidecar {
  files: SidecarFiles;
  storeUrl: string;
  /** How many requests the object store has had. */
  storeHits(): number;
  /** The store answers every request with this. */
  put(bytes: Uint8Array | string): ObjectRequest;
  answer(listener: RequestListener): void;
  post(path: string, body: unknown): Promise<Response>;
  /** Without a body. */
  call(method: string, path: string): Promise<Response>;
  url: string;
  token(): Promise<string>;
  close(): Promise<void>;
}

export async function startTestSidecar(options: TestSidecarOptions = {}): Promise<TestSidecar> {
  let listener: RequestListener = (_, response) => response.writeHead(404).end();
  let hits = 0;
  const store = createServer((request, response) => {
    hits++;
    listener(request, response);
  });
  const storeUrl = await listen(store);
  const { parts, closePools } = createParts(storeUrl, options);
  const app = createSidecarApp(parts);
  const { server, url } = await new Promise<{ server: ReturnType<typeof serve>; url: string }>((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve({ server, url: `http://127.0.0.1:${port}` }),
    );
  });
  const serviceToken = () => signServiceToken(SECRET, 'storage', 'sidecar', new Date());
  return {
    files: createSidecarFiles({ url, serviceToken }),
    storeUrl,
    storeHits: () => hits,
    put(bytes) {
      listener = (_, response) => response.end(bytes);
      return { url: `${storeUrl}/bucket/key?signature=1`, size: Buffer.byteLength(bytes) };
    },
    answer: (next) => {
      listener = next;
    },
    post: async (path, body) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await serviceToken()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    call: async (method, path) =>
      fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${await serviceToken()}` } }),
    url,
    token: serviceToken,
    async close() {
      store.closeAllConnections();
      store.close();
      server.close();
      await closePools();
    },
  };
}

function createParts(objectStore: string, options: TestSidecarOptions) {
  const source = createObjectSource({ objectStore, idleMilliseconds: options.idleMilliseconds ?? 5_000 });
  const limits = { ...previewLimits, ...options.previews };
  const readers = createReaderPool(readingLimits);
  const renderers = createRendererPool(limits);
  const turns = options.streamingTurns ?? streamingLimits.turns;
  const scanner =
    options.clamdAddress === undefined
      ? undefined
      : createClamd(options.clamdAddress, { idleMilliseconds: 500, scanMilliseconds: 500 });
  return {
    parts: {
      serviceTokenSecret: SECRET,
      embedding: {
        current: () => undefined,
        state: () => ({ id: 'auto', state: 'missing' as const, reason: 'No source has it.' }),
        close: async () => undefined,
      },
      models: options.models ?? createTestModels(),
      reading: createReadService({ pool: readers, source, limits: readingLimits }),
      previews: createPreviewService({ pool: renderers, source, limits }),
      digests: createDigestService({ source, turns }),
      scans: createScanService({ source, scanner, turns }),
      analyses: createTestAnalyses(),
      logger: createLogger('silent', {}),
      now: () => new Date(),
    },
    closePools: async () => {
      await Promise.all([readers.close(), renderers.close()]);
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}
