import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ModelFolder, ModelSource } from './model-source.ts';
import type { EmbeddingModel } from './registry.ts';

export interface ResolvedModel {
  model: EmbeddingModel;
  folder: ModelFolder;
}

export interface ModelResolver {
  /**
   * The model to use and its folder.
   * @throws ModelMissingError when no source has it; trying again later may help.
   */
  resolve(signal: AbortSignal): Promise<ResolvedModel>;
  /** Makes `auto` stay with this model from now on: vectors of two models cannot be compared. */
  remember(resolved: ResolvedModel): Promise<void>;
}

/** No source delivered a model; the message lists what each one said. */
export class ModelMissingError extends Error {
  override name = 'ModelMissingError';
}

export interface ModelResolverOptions {
  /** A model id, or `auto`. */
  wanted: string;
  models: readonly EmbeddingModel[];
  sources: readonly ModelSource[];
  cacheDir: string;
}

const MARKER_FILE = 'embedding-model.json';
const markerSchema = z.object({ id: z.string(), source: z.string() });
type Marker = z.infer<typeof markerSchema>;

/** @throws Error when `wanted` names no known model. */
export function createModelResolver(options: ModelResolverOptions): ModelResolver {
  const { wanted, models, sources, cacheDir } = options;
  const known = models.map(({ id }) => id);
  if (wanted !== 'auto' && !known.includes(wanted)) {
    throw new Error(`EMBEDDING_MODEL: ${wanted} is not known; choose auto, ${known.join(' or ')}`);
  }
  const marker = join(cacheDir, MARKER_FILE);

  return {
    async resolve(signal) {
      const remembered = await readMarker(marker);
      const id = wanted === 'auto' ? remembered?.id : wanted;
      const candidates = models.filter((model) => id === undefined || model.id === id);
      const reasons: string[] = [];
      for (const model of candidates) {
        for (const source of inOrder(sources, model.id === remembered?.id ? remembered.source : undefined)) {
          try {
            const folder = await source.find(model, signal);
            if (folder !== undefined) return { model, folder };
          } catch (error) {
            signal.throwIfAborted();
            reasons.push(`${source.name}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      }
      const names = candidates.map((model) => model.id).join(' or ');
      throw new ModelMissingError(`No source has ${names}. ${reasons.join('. ')}`.trim());
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

/** The source that served the model before comes first: its export of the weights is the one in use. */
function inOrder(sources: readonly ModelSource[], first: string | undefined): readonly ModelSource[] {
  return [...sources].sort((a, b) => Number(b.name === first) - Number(a.name === first));
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
