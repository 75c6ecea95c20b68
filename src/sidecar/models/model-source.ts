import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSourceName } from '../config.ts';
import type { Dtype, ModelEntry } from './registry.ts';

/** A folder in transformers.js layout, complete and ready to load. */
export interface ModelFolder {
  path: string;
  source: ModelSourceName;
}

export interface PullProgress {
  receivedBytes: number;
  /** Null as long as no one has said it. */
  totalBytes: number | null;
}

export type ReportProgress = (progress: PullProgress) => void;

/** A place where model folders come from. */
export interface ModelSource {
  readonly name: ModelSourceName;
  /** The model's folder if it is on this machine, complete; asks no network. */
  find(model: ModelEntry): Promise<ModelFolder | undefined>;
  /**
   * Fetches the model's folder; undefined when this source does not have the model.
   * @throws Error with a reason for a person when the source should have it but cannot deliver.
   */
  pull?(model: ModelEntry, signal: AbortSignal, report: ReportProgress): Promise<ModelFolder | undefined>;
  /** Removes what `pull` has left on this machine, finished or not. */
  remove?(model: ModelEntry): Promise<void>;
}

const SUFFIXES: Readonly<Record<Dtype, string>> = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4' };

/** Files inside a model folder that loading needs; transformers.js names weights after the dtype. */
export function filesOf({ task, dtype }: Pick<ModelEntry, 'task' | 'dtype'>): string[] {
  const graphs = task === 'summarization' ? ['encoder_model', 'decoder_model_merged'] : ['model'];
  const weights = graphs.map((graph) => join('onnx', `${graph}${SUFFIXES[dtype]}.onnx`));
  return ['config.json', 'tokenizer.json', 'tokenizer_config.json', ...weights];
}

/** Bytes of the files that loading needs; undefined when one is missing or empty. */
export async function sizeOfModelFolder(folder: string, model: ModelEntry): Promise<number | undefined> {
  let bytes = 0;
  for (const file of filesOf(model)) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (!found?.isFile() || found.size === 0) return undefined;
    bytes += found.size;
  }
  return bytes;
}

/** Whether `folder` holds every file that loading needs. */
export async function isCompleteModelFolder(folder: string, model: ModelEntry): Promise<boolean> {
  return (await sizeOfModelFolder(folder, model)) !== undefined;
}
