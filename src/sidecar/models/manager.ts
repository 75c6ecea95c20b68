import { setTimeout as pause } from 'node:timers/promises';
import type { ModelInfo, ModelRegistry, ModelTask } from '../../contracts/sidecar.ts';
import { AppError } from '../../core/http/app-error.ts';
import { describeError, type Logger } from '../../core/telemetry/logger.ts';
import { inferenceLimits } from '../limits.ts';
import { sidecarError } from '../problems.ts';
import type { Embedder } from './embedder.ts';
import { createModelFigures, type ModelFigures } from './figures.ts';
import { createModelMemory, type Resident } from './model-memory.ts';
import type { ResolvedModel } from './model-resolver.ts';
import type { FoundFolder, ModelStore } from './model-store.ts';
import type { EmbeddingModel, ModelEntry, TaskModel } from './registry.ts';
import type { TaskRunner } from './task-runner.ts';

/** Opens models; what it gives takes memory until it is closed. */
export interface ModelLoader {
  embedder(model: EmbeddingModel, folder: FoundFolder, figures: ModelFigures): Promise<Embedder>;
  runner(model: TaskModel, folder: FoundFolder, figures: ModelFigures): Promise<TaskRunner>;
  /** What a model of so many bytes on disk is going to take in memory, about. */
  estimate(model: ModelEntry, sizeBytes: number): number;
}

export interface ModelManagerOptions {
  entries: readonly ModelEntry[];
  store: ModelStore;
  loader: ModelLoader;
  budgetBytes: number;
  logger: Logger;
  limits?: { coldStartMilliseconds: number; failedPauseMilliseconds: number };
  /** Resident memory of the process. */
  residentBytes?: () => number;
}

/** The models of this process: which there are, which are in memory, and who may use them. */
export interface ModelManager {
  list(): Promise<ModelRegistry>;
  /** Begins to fetch a model; fetching goes on when nobody asks any more. @throws AppError not_found */
  pull(id: string): Promise<ModelInfo>;
  /** Begins to load a model, fetched first if need be. */
  warm(id: string): Promise<ModelInfo>;
  /** @throws AppError model_pinned, model_busy */
  unload(id: string): Promise<ModelInfo>;
  /** A pinned model is neither evicted nor unloaded nor removed. It lasts as long as the process. */
  pin(id: string, pinned: boolean): Promise<ModelInfo>;
  /** Removes the files. @throws AppError model_pinned, model_busy, model_kept */
  remove(id: string): Promise<void>;
  /** Makes a model the pinned default of embedding and loads it. */
  adopt(resolved: ResolvedModel): Promise<void>;
  /** The embedding model, if it is in memory. */
  embedder(id: string): Embedder | undefined;
  defaultOf(task: ModelTask): string | undefined;
  /**
   * Works with an embedding model that stays in memory meanwhile; loads it if it is on disk.
   * @throws AppError not_found, model_unavailable when it is not on disk, or not in memory soon enough
   */
  withEmbedder<T>(id: string, signal: AbortSignal, work: (embedder: Embedder) => Promise<T>): Promise<T>;
  withRunner<T>(
    task: ModelTask,
    id: string | undefined,
    signal: AbortSignal,
    work: (runner: TaskRunner) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

type Loaded = { kind: 'embedder'; value: Embedder } | { kind: 'runner'; value: TaskRunner };

interface Slot extends Resident {
  entry: ModelEntry;
  figures: ModelFigures;
  loaded?: Loaded | undefined;
  loading?: Promise<Loaded> | undefined;
  failure?: { reason: string; at: number } | undefined;
  /** Bytes in memory, as far as an earlier load has shown. */
  need: number;
  usedAt: number;
  /** Requests that have the model in their hands, or wait for it. */
  leases: number;
}

export function createModelManager(options: ModelManagerOptions): ModelManager {
  const { entries, store, loader, budgetBytes, logger, limits = inferenceLimits } = options;
  const residentBytes = options.residentBytes ?? (() => process.memoryUsage.rss());
  const slots = new Map(entries.map((entry) => [entry.id, createSlot(entry)]));
  const memory = createModelMemory([...slots.values()], budgetBytes);
  const defaults = new Map<ModelTask, string>();
  for (const { task, id } of entries)
    if (task !== 'feature-extraction' && !defaults.has(task)) defaults.set(task, id);
  /** Models are loaded one after the other: the growth of the process belongs to one of them then. */
  let lastLoad: Promise<unknown> = Promise.resolve();
  let closed = false;

  function slotOf(id: string, task?: ModelTask): Slot {
    const slot = slots.get(id);
    if (slot === undefined || (task !== undefined && slot.entry.task !== task)) {
      const what = task === undefined ? '' : ` for ${task}`;
      throw sidecarError('not_found', { detail: `There is no model ${id}${what}; see /v1/registry.` });
    }
    return slot;
  }

  /** Begins to load a model, or joins. Its failure is remembered for who asks next. */
  function load(slot: Slot, obtain: () => Promise<FoundFolder>): Promise<Loaded> {
    if (slot.loaded !== undefined) return Promise.resolve(slot.loaded);
    if (slot.loading !== undefined) return slot.loading;
    const loading = lastLoad
      .then(async () => {
        const folder = await obtain();
        await memory.reserve(slot, Math.max(slot.need, loader.estimate(slot.entry, folder.sizeBytes)));
        slot.loaded = await open(slot, folder);
        slot.failure = undefined;
        return slot.loaded;
      })
      .catch((error: unknown) => {
        slot.charge = 0;
        slot.failure = { reason: messageOf(error), at: performance.now() };
        logger.warn('model not loaded', { model: slot.id, error: describeError(error) });
        throw error;
      })
      .finally(() => {
        slot.loading = undefined;
      });
    slot.loading = loading;
    lastLoad = loading.catch(() => undefined);
    return loading;
  }

  async function open(slot: Slot, folder: FoundFolder): Promise<Loaded> {
    if (closed) throw new Error('the sidecar is stopping');
    const { entry, figures } = slot;
    const before = residentBytes();
    const startedAt = performance.now();
    const loaded: Loaded =
      entry.task === 'feature-extraction'
        ? { kind: 'embedder', value: await loader.embedder(entry, folder, figures) }
        : { kind: 'runner', value: await loader.runner(entry, folder, figures) };
    const growth = Math.max(0, residentBytes() - before);
    figures.loaded(performance.now() - startedAt, growth);
    // Memory that another model has left makes the growth look small: never less than the weights themselves.
    slot.need = Math.max(growth, folder.sizeBytes);
    slot.charge = slot.need;
    slot.usedAt = Date.now();
    return loaded;
  }

  async function loadedSoon(slot: Slot, signal: AbortSignal): Promise<Loaded> {
    if (slot.loaded !== undefined) return slot.loaded;
    let { loading } = slot;
    if (loading === undefined) {
      const { failure } = slot;
      if (failure !== undefined && performance.now() - failure.at < limits.failedPauseMilliseconds) {
        throw unavailable(`The model ${slot.id} could not be loaded: ${failure.reason}`, 10);
      }
      const folder = await store.find(slot.entry);
      if (folder === undefined) {
        const detail =
          store.progress(slot.id) === undefined
            ? `The model ${slot.id} is not on this machine; POST /v1/registry/${slot.id}/pull fetches it.`
            : `The model ${slot.id} is being fetched.`;
        throw unavailable(detail, 10);
      }
      loading = load(slot, async () => folder);
    }
    const enough = new AbortController();
    const outcome = await Promise.race([
      loading.catch((error: unknown) => {
        throw unavailable(`The model ${slot.id} could not be loaded: ${messageOf(error)}`, 10);
      }),
      pause(limits.coldStartMilliseconds, undefined, { signal: enough.signal }).catch(() => undefined),
    ]).finally(() => enough.abort());
    signal.throwIfAborted();
    if (outcome === undefined) throw unavailable(`The model ${slot.id} is being loaded.`, 2);
    return outcome;
  }

  async function withModel<T>(
    slot: Slot,
    signal: AbortSignal,
    work: (loaded: Loaded) => Promise<T>,
  ): Promise<T> {
    slot.usedAt = Date.now();
    slot.leases++;
    try {
      return await work(await loadedSoon(slot, signal));
    } finally {
      slot.leases--;
    }
  }

  function assertIdle(slot: Slot): void {
    if (slot.pinned) {
      throw sidecarError('model_pinned', {
        detail: `The model ${slot.id} is pinned; POST /v1/registry/${slot.id}/unpin first.`,
      });
    }
    if (slot.busy() || slot.loading !== undefined || store.progress(slot.id) !== undefined) {
      throw sidecarError('model_busy', {
        detail: `The model ${slot.id} is at work, being loaded or being fetched.`,
      });
    }
  }

  async function describe(slot: Slot): Promise<ModelInfo> {
    const { entry, pinned, failure, figures } = slot;
    const progress = store.progress(slot.id);
    const folder = await store.find(entry);
    const rest =
      slot.loading !== undefined
        ? 'loading'
        : failure !== undefined
          ? 'failed'
          : folder
            ? 'pulled'
            : 'available';
    const state = slot.loaded !== undefined ? 'ready' : progress !== undefined ? 'pulling' : rest;
    return {
      id: slot.id,
      task: entry.task,
      repo: entry.repo,
      revision: entry.revision,
      dtype: entry.dtype,
      dimensions: entry.task === 'feature-extraction' ? entry.dimensions : null,
      maxTokens: entry.maxTokens,
      licence: entry.licence,
      sizeBytes: folder?.sizeBytes ?? entry.sizeBytes ?? null,
      state,
      ...(state === 'failed' && failure !== undefined ? { reason: failure.reason } : {}),
      pinned,
      isDefault: defaults.get(entry.task) === slot.id,
      ...(state === 'pulling' && progress !== undefined ? { progress } : {}),
      figures: figures.snapshot(),
    };
  }

  return {
    async list() {
      const models = await Promise.all([...slots.values()].map(describe));
      return { models, memory: { budgetBytes, residentBytes: memory.residentBytes } };
    },
    async pull(id) {
      const slot = slotOf(id);
      slot.failure = undefined;
      store.pull(slot.entry).catch((error: unknown) => {
        slot.failure = { reason: messageOf(error), at: performance.now() };
        logger.warn('model not fetched', { model: id, error: describeError(error) });
      });
      return describe(slot);
    },
    async warm(id) {
      const slot = slotOf(id);
      slot.failure = undefined;
      // Fetched before its turn to be loaded comes: a slow hub keeps no other model waiting.
      const warming = store.pull(slot.entry).then((folder) => load(slot, async () => folder));
      warming.catch((error: unknown) => {
        slot.failure ??= { reason: messageOf(error), at: performance.now() };
      });
      return describe(slot);
    },
    async unload(id) {
      const slot = slotOf(id);
      assertIdle(slot);
      await slot.evict();
      return describe(slot);
    },
    async pin(id, pinned) {
      const slot = slotOf(id);
      slot.pinned = pinned;
      return describe(slot);
    },
    async remove(id) {
      const slot = slotOf(id);
      assertIdle(slot);
      await slot.evict();
      slot.failure = undefined;
      if (!(await store.remove(slot.entry))) {
        throw sidecarError('model_kept', {
          detail: `The files of ${id} are in MODELS_DIR, which is not the sidecar's.`,
        });
      }
    },
    async adopt({ model, folder }) {
      const slot = slotOf(model.id);
      defaults.set('feature-extraction', model.id);
      slot.pinned = true;
      await load(slot, async () => folder);
    },
    embedder(id) {
      const loaded = slots.get(id)?.loaded;
      return loaded?.kind === 'embedder' ? loaded.value : undefined;
    },
    defaultOf: (task) => defaults.get(task),
    withEmbedder(id, signal, work) {
      return withModel(slotOf(id, 'feature-extraction'), signal, async (loaded) => {
        if (loaded.kind !== 'embedder') throw new Error('an embedding model was opened as another');
        return work(loaded.value);
      });
    },
    async withRunner(task, id = defaults.get(task), signal, work) {
      if (id === undefined) throw unavailable(`No model for ${task} is known; see MODEL_REGISTRY.`, 60);
      return withModel(slotOf(id, task), signal, async (loaded) => {
        if (loaded.kind !== 'runner') throw new Error('a model was opened as one of embedding');
        return work(loaded.value);
      });
    },
    async close() {
      closed = true;
      await store.close();
      await lastLoad;
      await Promise.all([...slots.values()].map((slot) => slot.evict()));
    },
  };
}

function createSlot(entry: ModelEntry): Slot {
  const figures = createModelFigures();
  const slot: Slot = {
    id: entry.id,
    entry,
    figures,
    charge: 0,
    need: 0,
    usedAt: 0,
    pinned: false,
    leases: 0,
    busy: () => slot.leases > 0 || figures.inFlight > 0,
    lastUsedAt: () => Math.max(slot.usedAt, figures.lastUsedAt),
    async evict() {
      const { loaded } = slot;
      slot.loaded = undefined;
      await loaded?.value.close();
      slot.charge = 0;
    },
  };
  return slot;
}

const unavailable = (detail: string, retryAfterSeconds: number) =>
  sidecarError('model_unavailable', { detail, retryAfterSeconds });

const messageOf = (error: unknown): string => {
  if (error instanceof AppError) return error.options.detail ?? error.message;
  return error instanceof Error ? error.message : String(error);
};
