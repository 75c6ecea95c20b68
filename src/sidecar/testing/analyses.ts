import { createLogger } from '../../core/telemetry/logger.ts';
import { analysisLimits } from '../limits.ts';
import { type AnalysisService, createAnalysisService } from '../plugins/analysis-service.ts';
import { createPluginRegistry, type PluginSources } from '../plugins/plugin-registry.ts';
import type { Calls } from '../plugins/protocol.ts';

export interface TestAnalyses extends AnalysisService {
  close(): Promise<void>;
}

/** Analysis steps, without a model unless one is given. No thread is started before the first of them is asked for. */
export function createTestAnalyses(
  sources: Partial<PluginSources> = {},
  embed: NonNullable<Calls['embed']> = async () => undefined,
): TestAnalyses {
  const registry = createPluginRegistry({
    sources: { packages: [], http: [], reload: false, ...sources },
    threads: { ...analysisLimits, added: { heapMebibytes: 512, memoryMebibytes: 128 } },
    logger: createLogger('silent', {}),
    now: () => performance.now(),
  });
  const { turns, threads } = analysisLimits;
  const service = createAnalysisService({ registry, turns, threads, embed, now: () => performance.now() });
  return { ...service, close: () => registry.close() };
}
