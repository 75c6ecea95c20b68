import { join } from 'node:path';
import { isCompleteModelFolder, type ModelSource } from './model-source.ts';

/** Model folders that someone put on this machine, named by model id or by hub repository. They are never removed. */
export function createLocalSource(modelsDir: string | undefined): ModelSource {
  return {
    name: 'local',
    async find(model) {
      if (modelsDir === undefined) return undefined;
      for (const name of [model.id, model.repo]) {
        const path = join(modelsDir, name);
        if (await isCompleteModelFolder(path, model)) return { path, source: 'local' };
      }
      return undefined;
    },
  };
}
