import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSourceName } from '../config.ts';
import type { EmbeddingModel } from './registry.ts';

/** A folder in transformers.js layout, complete and ready to load. */
export interface ModelFolder {
  path: string;
  source: ModelSourceName;
}

/** A place where model folders come from. */
export interface ModelSource {
  readonly name: ModelSourceName;
  /**
   * The model's folder, fetched if need be; undefined when this source does not have the model.
   * @throws Error with a reason for a person when the source should have it but cannot deliver.
   */
  find(model: EmbeddingModel, signal: AbortSignal): Promise<ModelFolder | undefined>;
}

/** The file of the weights inside a model folder; transformers.js names it after the dtype. */
export const WEIGHTS_FILE = join('onnx', 'model_quantized.onnx');

const REQUIRED_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', WEIGHTS_FILE];

/** Whether `folder` holds every file that loading needs. */
export async function isCompleteModelFolder(folder: string): Promise<boolean> {
  for (const file of REQUIRED_FILES) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (!found?.isFile() || found.size === 0) return false;
  }
  return true;
}
