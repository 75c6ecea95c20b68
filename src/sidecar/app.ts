import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { traceRequests } from '../core/http/trace.ts';
import { verifyServiceToken } from '../core/security/service-token.ts';
import { describeError, type Logger } from '../core/telemetry/logger.ts';
import type { Shipment } from '../core/telemetry/shipment.ts';
import { analyseText, listPlugins } from './api/analyses.ts';
import { digestObject } from './api/digest.ts';
import { reportReadiness, reportStart } from './api/health.ts';
import { infer } from './api/infer.ts';
import { previewObject } from './api/preview.ts';
import { readObject } from './api/read.ts';
import { listModels, manageModel, removeModel } from './api/registry.ts';
import { scanObject } from './api/scan.ts';
import type { DigestService } from './digest-service.ts';
import { requestLimits } from './limits.ts';
import type { EmbedderHandle } from './models/embedder.ts';
import type { ModelManager } from './models/manager.ts';
import type { AnalysisService } from './plugins/analysis-service.ts';
import type { PreviewService } from './previews/preview-service.ts';
import { problemResponse, sidecarError, toSidecarError } from './problems.ts';
import type { ReadService } from './reading/read-service.ts';
import type { ScanService } from './scanning/scan-service.ts';

export interface SidecarDependencies {
  serviceTokenSecret: string;
  /** The default embedding model. */
  embedding: EmbedderHandle;
  models: ModelManager;
  reading: ReadService;
  previews: PreviewService;
  digests: DigestService;
  scans: ScanService;
  analyses: AnalysisService;
  logger: Logger;
  now: () => Date;
  /** Where there is a collector. */
  traces?: { ratio: number; shipment: Shipment } | undefined;
}

interface Variables {
  requestId: string;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** The sidecar's HTTP interface; contracts/sidecar.ts is its wire. */
export function createSidecarApp(dependencies: SidecarDependencies): Hono<{ Variables: Variables }> {
  const { embedding, models, reading, previews, digests, scans, analyses, logger, traces } = dependencies;
  const app = new Hono<{ Variables: Variables }>();
  app.use(async (_c, next) => {
    await next();
    traces?.shipment.soon(() => {});
  });
  app.use(traceRequests('sidecar', () => traces?.ratio));
  app.use(identifyAndLog(logger));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', () => reportReadiness(embedding));
  app.get('/startupz', () => reportStart(embedding));
  app.use('/v1/*', authenticateService(dependencies), limitBody());
  app.post('/v1/models/:task/:id?', async (c) =>
    infer(c.req.raw, await parseJson(c.req.raw), { embedding, models }, c.req.param()),
  );
  app.get('/v1/registry', () => listModels(models));
  app.post('/v1/registry/:id/:action', (c) => manageModel(models, c.req.param('id'), c.req.param('action')));
  app.delete('/v1/registry/:id', (c) => removeModel(models, c.req.param('id')));
  app.post('/v1/read', async (c) => readObject(c.req.raw, await parseJson(c.req.raw), reading));
  app.post('/v1/preview', async (c) => previewObject(c.req.raw, await parseJson(c.req.raw), previews));
  app.post('/v1/digest', async (c) => digestObject(c.req.raw, await parseJson(c.req.raw), digests));
  app.post('/v1/scan', async (c) => scanObject(c.req.raw, await parseJson(c.req.raw), scans));
  app.post('/v1/analyses', async (c) => analyseText(c.req.raw, await parseJson(c.req.raw), analyses));
  app.get('/v1/plugins', () => listPlugins(analyses));
  app.notFound((c) => problemResponse(sidecarError('not_found'), c.get('requestId')));
  app.onError((thrown, c) => {
    const error = toSidecarError(thrown);
    if (error.code === 'internal_error' && !c.req.raw.signal.aborted) {
      logger.error('request failed', {
        requestId: c.get('requestId'),
        error: describeError(error.options.cause),
      });
    }
    return problemResponse(error, c.get('requestId'));
  });
  return app;
}

function identifyAndLog(logger: Logger) {
  return createMiddleware<{ Variables: Variables }>(async (c, next) => {
    const startedAt = performance.now();
    const given = c.req.header('x-request-id') ?? '';
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    await next();
    c.header('x-request-id', requestId);
    if (!c.req.path.startsWith('/v1/')) return;
    const durationMs = Math.round(performance.now() - startedAt);
    logger.info('request', {
      requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      durationMs,
    });
  });
}

function authenticateService({ serviceTokenSecret, now }: SidecarDependencies) {
  return createMiddleware(async (c, next) => {
    const token = /^Bearer ([\w.~+/=-]+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if ((await verifyServiceToken(serviceTokenSecret, token, 'sidecar', now())) === undefined) {
      throw sidecarError('unauthorized', { detail: 'Send a service token for the audience "sidecar".' });
    }
    await next();
  });
}

function limitBody() {
  return bodyLimit({
    maxSize: requestLimits.bodyBytes,
    onError: () => {
      throw sidecarError('payload_too_large', {
        detail: `A body is at most ${requestLimits.bodyBytes} bytes.`,
      });
    },
  });
}

async function parseJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    throw sidecarError('invalid_request', { detail: 'The body is not valid JSON.', cause: error });
  }
}
