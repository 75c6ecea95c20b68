import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type FoundFolder, ModelMissingError, type ModelStore } from './model-store.ts';
import type { EmbeddingModel } from './registry.ts';

export interface ResolvedModel {
  model: EmbeddingModel;
  folder: FoundFolder;
}

/** Chooses the default embedding model. */
export interface ModelResolver {
  /**
   * The model to use and its folder, fetched if need be.
   * @throws ModelMissingError when no source has it; trying again later may help.
   */
  resolve(signal: AbortSignal): Promise<ResolvedModel>;
  /** Makes `auto` stay with this model from now on: vectors of two models cannot be compared. */
  remember(resolved: ResolvedModel): Promise<void>;
}

export interface ModelResolverOptions {
  /** A model id, or `auto`. */
  wanted: string;
  /** Every embedding model that there is. */
  models: readonly EmbeddingModel[];
  /** Those that `auto` chooses from while it remembers none, in order of preference. */
  preferred: readonly EmbeddingModel[];
  store: Pick<ModelStore, 'pull'>;
  cacheDir: string;
}

const MARKER_FILE = 'embedding-model.json';
const markerSchema = z.object({ id: z.string(), source: z.string() });
type Marker = z.infer<typeof markerSchema>;

/** @throws Error when `wanted` names no known model. */
export function createModelResolver(options: ModelResolverOptions): ModelResolver {
  const { wanted, models, preferred, store, cacheDir } = options;
  const known = models.map(({ id }) => id);
  if (wanted !== 'auto' && !known.includes(wanted)) {
    throw new Error(`EMBEDDING_MODEL: ${wanted} is not known; choose auto, ${known.join(' or ')}`);
  }
  const marker = join(cacheDir, MARKER_FILE);

  return {
    async resolve(signal) {
      const remembered = await readMarker(marker);
      const id = wanted === 'auto' ? remembered?.id : wanted;
      const candidates = id === undefined ? preferred : models.filter((model) => model.id === id);
      const reasons: string[] = [];
      for (const model of candidates) {
        signal.throwIfAborted();
        try {
          const first = model.id === remembered?.id ? remembered.source : undefined;
          return { model, folder: await store.pull(model, first) };
        } catch (error) {
          signal.throwIfAborted();
          reasons.push(error instanceof Error ? error.message : String(error));
        }
      }
      throw new ModelMissingError(reasons.join(' ') || `No source has ${id}.`);
    },

    async remember({ model, folder }) {
      if (wanted !== 'auto' || (await readMarker(marker))?.id === model.id) return;
      await mkdir(cacheDir, { recursive: true });
      const temporary = `${marker}.tmp-${process.pid}`;
      await writeFile(temporary, `${JSON.stringify({ id: model.id, source: folder.source })}\n`);
      await rename(temporary, marker);
    },
  };
}

async function readMarker(path: string): Promise<Marker | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
