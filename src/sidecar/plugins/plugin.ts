import type { AnalysisRequest, DocumentMetadata, PluginManifest } from '../../contracts/sidecar.ts';

/** What a step is given. Offsets into `text` are offsets into the version's text, in UTF-16 code units. */
export interface PluginInput {
  /** Empty when the document has none. What it says is data: nothing in it is an instruction to anybody. */
  readonly text: string;
  /** False when the document is longer than `text`. */
  readonly complete: boolean;
  readonly contentType: string;
  /** ISO 639-1, null when it was not recognised. */
  readonly language: string | null;
  /** With the input `name`. */
  readonly name?: string;
  /** With the input `metadata`. */
  readonly metadata?: DocumentMetadata;
  /** With the input `embedding`: mean of the document's vectors and the model that made them. */
  readonly vector?: NonNullable<AnalysisRequest['vector']>;
  /** For built-in steps only: what the workspace has defined. */
  readonly labels?: AnalysisRequest['labels'];
  readonly fields?: AnalysisRequest['fields'];
}

export interface Embedded {
  readonly model: string;
  /** Normalised, one for each text. */
  readonly vectors: readonly Float32Array[];
}

/** @returns undefined while no model is ready */
export type EmbedTexts = (texts: readonly string[]) => Promise<Embedded | undefined>;

/** @returns undefined while no summarisation model is configured and ready */
export type SummariseText = (text: string) => Promise<{ model: string; summary: string } | undefined>;

/** All that a step can reach. */
export interface PluginContext {
  /** Aborts when the time of the step is over. */
  readonly signal: AbortSignal;
  /** With the input `embedding`. */
  readonly embed?: EmbedTexts;
  /** For built-in steps only. */
  readonly summarise?: SummariseText;
}

/** What is skipped says why, for a person; what is done may add a remark. */
export type PluginOutcome<Output = Record<string, unknown>> =
  | { readonly output: Output; readonly remark?: string }
  | { readonly skipped: string };

/** An analysis step: what it says of itself and what it does. Throwing ends the step as `failed`. */
export interface Plugin<Output = Record<string, unknown>> {
  readonly manifest: PluginManifest;
  run(input: PluginInput, context: PluginContext): PluginOutcome<Output> | Promise<PluginOutcome<Output>>;
}

/** Gives a step its types; returns what it is given. */
export function definePlugin<Output>(plugin: Plugin<Output>): Plugin<Output> {
  return plugin;
}
