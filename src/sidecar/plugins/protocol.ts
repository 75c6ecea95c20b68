import type { PluginManifest } from '../../contracts/sidecar.ts';
import type { Embedded, PluginInput } from './plugin.ts';

/** What a plugin thread is told. `module` is the URL of the plugin's entry. */
export type ToThread =
  | { readonly kind: 'describe'; readonly module: string }
  | {
      readonly kind: 'run';
      readonly module: string;
      readonly input: PluginInput;
      readonly limits: PluginManifest['limits'];
      readonly may: { readonly embed: boolean; readonly summarise: boolean };
    }
  | { readonly kind: 'answer'; readonly call: number; readonly value: unknown }
  | { readonly kind: 'refuse'; readonly call: number; readonly reason: string };

/** What a thread says. */
export type FromThread =
  | { readonly kind: 'described'; readonly manifest: unknown }
  /** JSON, so that nothing but data comes out and its size is known. */
  | { readonly kind: 'done'; readonly output: string; readonly remark?: string }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'embed'; readonly call: number; readonly texts: readonly string[] }
  | { readonly kind: 'summarise'; readonly call: number; readonly text: string };

/** How a job of a thread ends; `reason`s are for a person. */
export type Settled = Extract<FromThread, { kind: 'described' | 'done' | 'skipped' | 'failed' }>;

/** What a thread may ask for while it runs. */
export interface Calls {
  embed?(texts: readonly string[], signal: AbortSignal): Promise<Embedded | undefined>;
  summarise?(text: string, signal: AbortSignal): Promise<{ model: string; summary: string } | undefined>;
}
