import type { AnalysisRequest, AnalysisResponse, PluginInfo, StepResult } from '../../contracts/sidecar.ts';
import { createTurns, type TurnLimits, type Turns } from '../turns.ts';
import { checkOutput } from './check-output.ts';
import { isFor } from './media-types.ts';
import type { Embedded, PluginInput } from './plugin.ts';
import type { InstalledPlugin, PluginRegistry } from './plugin-registry.ts';
import type { Calls, Settled } from './protocol.ts';
import { rebuildText } from './version-text.ts';

export interface AnalysisService {
  /** Runs each step that was asked for, once, whatever becomes of the others. @throws AppError overloaded */
  analyse(request: AnalysisRequest, signal: AbortSignal): Promise<AnalysisResponse>;
  plugins(): Promise<{ plugins: PluginInfo[] }>;
}

export interface AnalysisServiceOptions {
  readonly registry: PluginRegistry;
  readonly turns: TurnLimits;
  /** Steps on threads at once, of all requests. */
  readonly threads: number;
  readonly embed: NonNullable<Calls['embed']>;
  readonly summarise?: Calls['summarise'];
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export function createAnalysisService(options: AnalysisServiceOptions): AnalysisService {
  const { registry, turns: limits } = options;
  const turns = createTurns(limits, 'Many analyses are waiting.');
  // As many wait here as have a turn above, with all their steps: none is refused.
  const threads = createTurns(
    { concurrent: options.threads, waiting: Number.POSITIVE_INFINITY },
    'Many steps are waiting.',
  );
  return {
    analyse: (request, signal) =>
      turns(signal, async () => {
        const installed = await registry.list();
        const steps = [...new Set(request.steps)];
        const results = await Promise.all(
          steps.map((step) => runStep(step, pick(installed, step), request, { options, threads, signal })),
        );
        return { results };
      }),
    async plugins() {
      return { plugins: (await registry.list()).map(({ info }) => info) };
    },
  };
}

interface Surroundings {
  options: AnalysisServiceOptions;
  threads: Turns;
  signal: AbortSignal;
}

/** The one that can run, else the one that says why it cannot. */
function pick(installed: readonly InstalledPlugin[], step: string): InstalledPlugin | undefined {
  const named = installed.filter(({ info }) => info.name === step);
  return named.find(({ run }) => run !== undefined) ?? named[0];
}

async function runStep(
  step: string,
  plugin: InstalledPlugin | undefined,
  request: AnalysisRequest,
  { options, threads, signal }: Surroundings,
): Promise<StepResult> {
  const { info, run } = plugin ?? {};
  const end = (
    result: Omit<StepResult, 'step' | 'version' | 'milliseconds'>,
    milliseconds = 0,
  ): StepResult => ({
    step,
    version: info?.version ?? '0.0.0',
    ...result,
    milliseconds: Math.round(milliseconds * 10) / 10,
  });
  if (info === undefined) return end({ status: 'failed', reason: 'There is no plugin of this name.' });
  if (run === undefined) return end({ status: 'failed', reason: info.fault ?? 'The plugin cannot run.' });
  if (!isFor(info.mediaTypes, request.contentType)) {
    return end({ status: 'skipped', reason: `The step is not for ${request.contentType}.` });
  }
  const { calls, model } = watchModel(options, info);
  const work = async () => {
    const startedAt = options.now();
    const settled = await run(inputFor(info, request), calls, signal);
    return end(toResult(info, settled, model()), options.now() - startedAt);
  };
  return plugin?.onThread ? threads(signal, work) : work();
}

/** What a step may call, and which model answered it. */
function watchModel(options: AnalysisServiceOptions, { source }: PluginInfo) {
  let model: string | undefined;
  const { summarise } = options;
  const calls: Calls = {
    async embed(texts, signal): Promise<Embedded | undefined> {
      const answer = await options.embed(texts, signal);
      model = answer?.model ?? model;
      return answer;
    },
  };
  if (source === 'built-in' && summarise !== undefined) {
    calls.summarise = async (text, signal) => {
      const answer = await summarise(text, signal);
      model = answer?.model ?? model;
      return answer;
    };
  }
  return { calls, model: () => model };
}

function toResult(
  info: PluginInfo,
  settled: Settled,
  model: string | undefined,
): Omit<StepResult, 'step' | 'version' | 'milliseconds'> {
  switch (settled.kind) {
    case 'described':
      return { status: 'failed', reason: 'The step gave no output.' };
    case 'failed':
    case 'skipped':
      return { status: settled.kind, reason: settled.reason };
    case 'done': {
      const checked = checkOutput(info, info.source === 'built-in', settled.output);
      if ('fault' in checked) return { status: 'failed', reason: checked.fault };
      return {
        status: 'done',
        output: checked.output,
        ...(settled.remark === undefined ? {} : { reason: settled.remark }),
        ...(model === undefined ? {} : { model }),
      };
    }
  }
}

/** What the manifest asks for and nothing else. */
function inputFor({ inputs, limits, source }: PluginInfo, request: AnalysisRequest): PluginInput {
  const { text, complete } = inputs.includes('text')
    ? rebuildText(request.chunks, limits.characters)
    : { text: '', complete: request.chunks.length === 0 };
  const { vector, labels, fields, name, metadata } = request;
  return {
    text,
    complete: complete && request.complete,
    contentType: request.contentType,
    language: request.language,
    ...(inputs.includes('name') ? { name } : {}),
    ...(inputs.includes('metadata') ? { metadata } : {}),
    ...(inputs.includes('embedding') && vector !== undefined ? { vector } : {}),
    ...(source === 'built-in' ? { labels, fields } : {}),
  };
}
