import { join } from 'node:path';
import { AutoModel, AutoTokenizer, env } from '@huggingface/transformers';
import { isCompleteModelFolder, type ModelSource } from './model-source.ts';
import type { EmbeddingModel } from './registry.ts';

const CONNECT_LIMIT_MS = 4_000;
const DOWNLOAD_LIMIT_MS = 600_000;

export interface HubSourceOptions {
  cacheDir: string;
  /** Another hub with the same URL layout; the default is the library's own. */
  hubUrl?: string | undefined;
  connectLimitMs?: number;
}

/**
 * Model folders from the Hugging Face hub, fetched and cached by transformers.js. A folder once in the cache is
 * found without asking the network again.
 */
export function createHubSource(options: HubSourceOptions): ModelSource {
  return {
    name: 'hub',
    async find(model, signal) {
      // transformers.js caches a pinned revision under <repo>/<revision>: a model folder in its own layout.
      const path = join(options.cacheDir, model.repo, model.revision);
      if (!(await isCompleteModelFolder(path))) {
        await download(model, options, signal);
        if (!(await isCompleteModelFolder(path)))
          throw new Error(`the hub's copy of ${model.repo} is incomplete`);
      }
      return { path, source: 'hub' };
    },
  };
}

async function download(
  model: EmbeddingModel,
  options: HubSourceOptions,
  signal: AbortSignal,
): Promise<void> {
  // The library's settings are global to the process; only this function uses the remote ones.
  env.cacheDir = options.cacheDir;
  if (options.hubUrl !== undefined) env.remoteHost = options.hubUrl;
  env.fetch = fetchWithin(options.connectLimitMs ?? CONNECT_LIMIT_MS, signal);
  const from = { revision: model.revision, cache_dir: options.cacheDir };
  try {
    await AutoTokenizer.from_pretrained(model.repo, from);
    const loaded = await AutoModel.from_pretrained(model.repo, {
      ...from,
      dtype: model.dtype,
      device: 'cpu',
    });
    await loaded.dispose();
  } catch (error) {
    throw new Error(`the hub did not deliver ${model.repo}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Bounds the time to the first byte tightly and the whole download generously. */
function fetchWithin(connectLimitMs: number, signal: AbortSignal): typeof env.fetch {
  return async (input: string | URL, init?: RequestInit) => {
    const connecting = new AbortController();
    const timer = setTimeout(
      () => connecting.abort(new Error(`no answer within ${connectLimitMs} ms`)),
      connectLimitMs,
    );
    try {
      return await fetch(input, {
        ...init,
        signal: AbortSignal.any([signal, connecting.signal, AbortSignal.timeout(DOWNLOAD_LIMIT_MS)]),
      });
    } finally {
      clearTimeout(timer);
    }
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
