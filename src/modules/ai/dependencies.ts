import { checkSidecar } from '../../contracts/sidecar-alive.ts';
import { createStorageClient } from '../../contracts/storage.ts';
import { scaleLimits } from '../../core/cache/rate-limiter.ts';
import { createUpstashCache } from '../../core/cache/upstash-cache.ts';
import { pingRedis } from '../../core/cache/upstash-ping.ts';
import { createUpstashRateLimiter } from '../../core/cache/upstash-rate-limiter.ts';
import { parseConfig } from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { newId } from '../../core/database/columns.ts';
import { readFlags, workspacesOf } from '../../core/database/flags.ts';
import { checkDatabase } from '../../core/database/latest-migration.ts';
import { createQueueWakeUp } from '../../core/events/wake-up.ts';
import { createFlags } from '../../core/flags/flags.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import type { DependencyChecks } from '../../core/http/health.ts';
import { telemetryOf } from '../../core/http/telemetry-out.ts';
import { createDependency } from '../../core/resilience/dependency.ts';
import { type ServiceName, signServiceToken } from '../../core/security/service-token.ts';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createChatModel } from './adapters/chat-model.ts';
import { createInferenceEmbedder } from './adapters/inference-embedder.ts';
import { createInferenceReranker } from './adapters/inference-reranker.ts';
import { createProviders } from './adapters/providers.ts';
import { createSidecarReader } from './adapters/sidecar-reader.ts';
import { createSidecarRegistry } from './adapters/sidecar-registry.ts';
import { createPluginCatalogue, createSidecarSteps } from './adapters/sidecar-steps.ts';
import { createSimilarity } from './adapters/similarity.ts';
import { aiConfigSchema } from './config.ts';
import { createDefining, type Defining } from './dependencies/defining.ts';
import { createSearching } from './dependencies/searching.ts';
import { createAnalysisRepository } from './repository/analysis-repository.ts';
import { createBatchRepository } from './repository/batches.ts';
import { createDriveSettingRepository } from './repository/drive-settings.ts';
import { createJobRepository } from './repository/job-repository.ts';
import { createModelChoiceRepository } from './repository/model-choices.ts';
import { createRuleRunRepository } from './repository/rule-runs.ts';
import { createSearchRepository } from './repository/search-repository.ts';
import { type AnalysisService, createAnalysisService } from './service/analysis.ts';
import { type AnalysisResults, createAnalysisResults } from './service/analysis-results.ts';
import { type AskService, createAskService } from './service/ask.ts';
import { advanceBatches, type BatchService, createBatchService } from './service/batches.ts';
import { advanceModels, createModelService, type ModelService } from './service/models.ts';
import { createRuleRunner, type RuleRunner } from './service/rule-runs.ts';
import type { SearchService } from './service/search.ts';
import { createStepSettings } from './service/step-settings.ts';

/** The use cases of the module, one per room, for handlers. */
export interface AiServices extends Defining {
  readonly search: SearchService;
  readonly analyses: AnalysisResults;
  readonly models: ModelService;
  readonly batches: BatchService;
  readonly ask: AskService;
}

/** What the queue's consumer and cron do. */
export interface AiBackground {
  readonly analysis: AnalysisService;
  readonly rules: RuleRunner;
  /** Each does one round. @returns how much was done */
  readonly batches: () => Promise<number>;
  readonly models: () => Promise<number>;
}

/** A hosted model may be slow; what is interactive says its own time-out. */
const PROVIDER_TIMEOUT_MS = 30_000;

export interface AiDependencies {
  readonly services: (requestId: string) => AiServices;
  readonly background: (requestId: string) => AiBackground;
  readonly guard: Guard;
  readonly checks: DependencyChecks;
}

export function createAiDependencies(env: object): AiDependencies {
  const config = parseConfig('ai', aiConfigSchema, env);
  const logger = createLogger(config.LOG_LEVEL, { module: 'ai' });
  const db = createDatabase(config);
  const cache = createUpstashCache(config, logger);
  const flags = createFlags({
    load: () => readFlags(db),
    workspacesOf: (userId) => workspacesOf(db, userId),
    now: Date.now,
    logger,
  });
  const serviceToken = (to: ServiceName) =>
    signServiceToken(config.SERVICE_TOKEN_SECRET, 'ai', to, new Date());
  const sidecar = () => createDependency('sidecar', { timeoutMs: 10_000 });
  const providers = createProviders({
    configured: config.AI_PROVIDERS,
    sidecarUrl: config.SIDECAR_URL,
    sidecarToken: () => serviceToken('sidecar'),
    timeoutMs: PROVIDER_TIMEOUT_MS,
    pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    now: Date.now,
  });
  const embedder = createInferenceEmbedder({
    providers,
    interactiveTimeoutMs: config.QUERY_EMBEDDING_TIMEOUT_MS,
  });
  const wakeUp = createQueueWakeUp(config.EVENTS, logger);
  const registryGuard = sidecar();
  const sidecarWork = {
    sidecarUrl: config.SIDECAR_URL,
    serviceToken: () => serviceToken('sidecar'),
    guard: sidecar(),
  };
  const plugins = createPluginCatalogue(sidecarWork, Date.now);
  const storage = (requestId: string) =>
    createStorageClient({ storage: config.STORAGE, serviceToken: () => serviceToken('storage'), requestId });
  const reranker = createInferenceReranker({ providers, timeoutMs: config.RERANK_TIMEOUT_MS });
  const searching = (requestId: string) =>
    createSearching({
      db,
      cache,
      embedder,
      reranker,
      semanticSearchIsOn: (userId) => flags.isOn('ai.semantic-search', { userId }),
      storage: storage(requestId),
      secret: config.SERVICE_TOKEN_SECRET,
      logger: logger.child({ requestId }),
    });
  return {
    services: (requestId) => ({
      ...createDefining(db, storage(requestId), plugins, () => wakeUp(requestId)),
      search: searching(requestId).search,
      ask: createAskService({
        retriever: searching(requestId).retriever,
        chat: createChatModel(providers),
        similarity: createSimilarity(embedder),
        newNonce: () => crypto.randomUUID(),
        logger: logger.child({ requestId }),
      }),
      batches: createBatchService({
        repository: createBatchRepository(db),
        search: createSearchRepository(db),
        newId: () => newId('bat'),
        wakeUp: () => wakeUp(requestId),
      }),
      analyses: createAnalysisResults({
        repository: createAnalysisRepository(db),
        wakeUp: () => wakeUp(requestId),
        now: Date.now,
      }),
      models: createModelService({
        server: createSidecarRegistry({
          sidecarUrl: config.SIDECAR_URL,
          serviceToken: () => serviceToken('sidecar'),
          guard: registryGuard,
        }),
        choices: createModelChoiceRepository(db),
        wakeUp: () => wakeUp(requestId),
      }),
    }),
    background: (requestId) => ({
      rules: createRuleRunner({
        runs: createRuleRunRepository(db),
        storage: storage(requestId),
        logger: logger.child({ requestId }),
      }),
      batches: () => advanceBatches(createBatchRepository(db)),
      models: () => advanceModels(createModelChoiceRepository(db)),
      analysis: createAnalysisService({
        jobs: createJobRepository(db),
        storage: storage(requestId),
        reader: createSidecarReader(sidecarWork),
        embedder,
        steps: createSidecarSteps(sidecarWork),
        settings: createStepSettings({ catalogue: plugins, settings: createDriveSettingRepository(db) }),
        newToken: () => crypto.randomUUID(),
        traceRatio: telemetryOf(env)?.ratio,
        now: Date.now,
        logger: logger.child({ requestId }),
      }),
    }),
    guard: createGuard({
      config,
      db,
      auth: config.AUTH,
      limiter: scaleLimits(createUpstashRateLimiter(config, logger), config.RATE_LIMIT_SCALE),
    }),
    checks: {
      postgres: { isRequired: true, ask: () => checkDatabase(db) },
      redis: { isRequired: false, ask: () => pingRedis(config) },
      sidecar: { isRequired: false, ask: () => checkSidecar(config.SIDECAR_URL) },
    },
  };
}
