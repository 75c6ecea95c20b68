import type { ModelFolder, ModelSource, PullProgress } from './model-source.ts';
import { sizeOfModelFolder } from './model-source.ts';
import type { ModelEntry } from './registry.ts';

export interface FoundFolder extends ModelFolder {
  sizeBytes: number;
}

/** The model folders of this machine, and the way to more of them. */
export interface ModelStore {
  /** The folder, if it is here and complete; the source named `first` is asked first. */
  find(model: ModelEntry, first?: string): Promise<FoundFolder | undefined>;
  /**
   * The folder, fetched if need be. A model is fetched once at a time: who asks meanwhile gets the same outcome.
   * @throws ModelMissingError when no source has it; trying again later may help.
   */
  pull(model: ModelEntry, first?: string): Promise<FoundFolder>;
  /** Of a pull under way. */
  progress(id: string): PullProgress | undefined;
  /** Removes what was fetched. @returns false when a folder stays that an operator put there */
  remove(model: ModelEntry): Promise<boolean>;
  /** Ends what is being fetched; what was received stays for the next time. */
  close(): Promise<void>;
}

/** No source delivered a model; the message lists what each one said. */
export class ModelMissingError extends Error {
  override name = 'ModelMissingError';
}

export function createModelStore(sources: readonly ModelSource[]): ModelStore {
  const closing = new AbortController();
  const pulls = new Map<string, { outcome: Promise<FoundFolder>; progress: PullProgress }>();

  async function find(model: ModelEntry, first?: string): Promise<FoundFolder | undefined> {
    for (const source of inOrder(sources, first)) {
      const folder = await source.find(model);
      if (folder !== undefined) return measure(folder, model);
    }
    return undefined;
  }

  /** Source by source: what an earlier one can fetch goes before what a later one has. */
  async function obtain(
    model: ModelEntry,
    first: string | undefined,
    report: (progress: PullProgress) => void,
  ) {
    const reasons: string[] = [];
    for (const source of inOrder(sources, first)) {
      try {
        const folder = (await source.find(model)) ?? (await source.pull?.(model, closing.signal, report));
        if (folder !== undefined) return await measure(folder, model);
      } catch (error) {
        closing.signal.throwIfAborted();
        reasons.push(`${source.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new ModelMissingError(`No source has ${model.id}. ${reasons.join('. ')}`.trim());
  }

  return {
    find,
    pull(model, first) {
      const underWay = pulls.get(model.id);
      if (underWay !== undefined) return underWay.outcome;
      const pull = {
        progress: { receivedBytes: 0, totalBytes: model.sizeBytes ?? null },
        outcome: Promise.resolve()
          .then(() =>
            obtain(model, first, (progress) => {
              pull.progress = progress;
            }),
          )
          .finally(() => pulls.delete(model.id)),
      };
      pulls.set(model.id, pull);
      return pull.outcome;
    },
    progress: (id) => pulls.get(id)?.progress,
    async remove(model) {
      for (const source of sources) await source.remove?.(model);
      return (await find(model)) === undefined;
    },
    async close() {
      closing.abort(new Error('the sidecar is stopping'));
      await Promise.allSettled([...pulls.values()].map(({ outcome }) => outcome));
    },
  };
}

async function measure(folder: ModelFolder, model: ModelEntry): Promise<FoundFolder> {
  return { ...folder, sizeBytes: (await sizeOfModelFolder(folder.path, model)) ?? 0 };
}

/** The source that served the model before comes first: its export of the weights is the one in use. */
function inOrder(sources: readonly ModelSource[], first: string | undefined): readonly ModelSource[] {
  return [...sources].sort((a, b) => Number(b.name === first) - Number(a.name === first));
}
