import { access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchFile } from './fetch-file.ts';
import { filesOf, isCompleteModelFolder, type ModelSource, type ReportProgress } from './model-source.ts';
import type { ModelEntry } from './registry.ts';

const HUB_URL = 'https://huggingface.co';
const CONNECT_LIMIT_MS = 4_000;
/** Without a byte. */
const IDLE_LIMIT_MS = 30_000;
/** Of some models only; how a summary is to be decoded. */
const OPTIONAL_FILES = ['generation_config.json'];

export interface HubSourceOptions {
  cacheDir: string;
  /** Another hub with the same URL layout. */
  hubUrl?: string | undefined;
  connectLimitMs?: number;
}

/**
 * Model folders from the Hugging Face hub, file by file over HTTP. They are collected beside the final place, which
 * appears complete or not at all; what was received before a failure or a restart is not asked for again.
 */
export function createHubSource({
  cacheDir,
  hubUrl = HUB_URL,
  connectLimitMs = CONNECT_LIMIT_MS,
}: HubSourceOptions): ModelSource {
  // The layout of transformers.js, whose caches stay good.
  const pathOf = ({ repo, revision }: ModelEntry) => join(cacheDir, repo, revision);
  const partialOf = (model: ModelEntry) => `${pathOf(model)}.partial`;
  const limits = { connectLimitMs, idleLimitMs: IDLE_LIMIT_MS };

  async function collect(model: ModelEntry, signal: AbortSignal, report: ReportProgress): Promise<void> {
    const folder = partialOf(model);
    let done = 0;
    const totalBytes = model.sizeBytes ?? null;
    const files = [...filesOf(model), ...(model.task === 'summarization' ? OPTIONAL_FILES : [])];
    for (const file of files) {
      const target = join(folder, file);
      const known = (received: number, length: number | null) =>
        report({
          receivedBytes: done + received,
          // The file under way may be the larger part of what the registry says, and then it knows better.
          totalBytes:
            totalBytes === null && length === null
              ? null
              : Math.max(totalBytes ?? 0, done + (length ?? received)),
        });
      const url = new URL(`${model.repo}/resolve/${model.revision}/${file}`, withSlash(hubUrl));
      done += await fetchFile({
        url,
        target,
        limits,
        signal,
        report: known,
        optional: OPTIONAL_FILES.includes(file),
      });
    }
  }

  return {
    name: 'hub',
    async find(model) {
      const path = pathOf(model);
      return (await isCompleteModelFolder(path, model)) ? { path, source: 'hub' } : undefined;
    },
    async pull(model, signal, report) {
      const path = pathOf(model);
      if (!(await isCompleteModelFolder(path, model))) {
        try {
          await collect(model, signal, report);
        } catch (error) {
          signal.throwIfAborted();
          throw new Error(`the hub did not deliver ${model.repo}: ${reasonOf(error)}`, { cause: error });
        }
        // An incomplete folder of an older cache gives way.
        if (await exists(path)) await rm(path, { recursive: true, force: true });
        await rename(partialOf(model), path);
      }
      return { path, source: 'hub' };
    },
    async remove(model) {
      for (const path of [pathOf(model), partialOf(model)]) await rm(path, { recursive: true, force: true });
    },
  };
}

const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`);

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
