import { z } from 'zod';
import { analysisResponseSchema, type PluginInfo, pluginInfoSchema } from '../../../contracts/sidecar.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import type { PluginCatalogue, StepRunner } from '../ports/steps.ts';
import { type SidecarOptions, sendWork } from './sidecar-calls.ts';

/** Each step has a limit of its own; this is for all of them and their waiting. */
const TIMEOUT_MS = 200_000;
const PLUGINS_FRESH_MS = 60_000;
const pluginsSchema = z.object({ plugins: z.array(pluginInfoSchema) });

export function createSidecarSteps(options: SidecarOptions): StepRunner {
  return {
    async run(request) {
      return analysisResponseSchema.parse(await sendWork(options, '/v1/analyses', request, TIMEOUT_MS));
    },
  };
}

/** What is remembered is the answer, never the asking: a promise belongs to the request that made it. */
export function createPluginCatalogue(
  { sidecarUrl, serviceToken, guard }: SidecarOptions,
  now: () => number,
): PluginCatalogue {
  let known: { readonly plugins: readonly PluginInfo[]; readonly at: number } | undefined;
  return {
    async plugins() {
      if (known !== undefined && now() - known.at < PLUGINS_FRESH_MS) return known.plugins;
      const response = await guard.fetch(
        new URL('/v1/plugins', sidecarUrl).href,
        { headers: { authorization: `Bearer ${await serviceToken()}` } },
        { wholeAnswer: true },
      );
      if (!response.ok)
        throw new DependencyError('sidecar', `the list of plugins answered ${response.status}`);
      const { plugins } = pluginsSchema.parse(await response.json());
      known = { plugins, at: now() };
      return plugins;
    },
  };
}
