import type { z } from 'zod';
import {
  classificationOutputSchema,
  entitiesOutputSchema,
  fieldsOutputSchema,
  fingerprintOutputSchema,
  keywordsOutputSchema,
  type PluginManifest,
  readingOutputSchema,
  sentimentOutputSchema,
  summaryOutputSchema,
} from '../../contracts/sidecar.ts';

/** What the contract says of the outputs of built-in steps. */
const builtInOutputs: Readonly<Record<string, z.ZodType>> = {
  summary: summaryOutputSchema,
  keywords: keywordsOutputSchema,
  entities: entitiesOutputSchema,
  sentiment: sentimentOutputSchema,
  reading: readingOutputSchema,
  fingerprint: fingerprintOutputSchema,
  classification: classificationOutputSchema,
  fields: fieldsOutputSchema,
};

export type CheckedOutput = { output: Record<string, unknown> } | { fault: string };

/** An output has the keys of its manifest, all of them and no other, and its size. `json` is what the plugin gave. */
export function checkOutput(manifest: PluginManifest, builtIn: boolean, json: string): CheckedOutput {
  if (Buffer.byteLength(json) > manifest.limits.outputBytes) {
    return { fault: `The output is larger than ${manifest.limits.outputBytes} bytes.` };
  }
  const output = parseObject(json);
  if (output === undefined) return { fault: 'The output is not an object.' };
  const keys = Object.keys(output);
  const surplus = keys.find((key) => !manifest.outputs.includes(key));
  if (surplus !== undefined)
    return { fault: `The output has "${surplus.slice(0, 50)}", which its manifest has not.` };
  const lacking = manifest.outputs.find((key) => !keys.includes(key));
  if (lacking !== undefined) return { fault: `The output lacks "${lacking}".` };
  const schema = builtIn ? builtInOutputs[manifest.name] : undefined;
  if (schema?.safeParse(output).success === false)
    return { fault: 'The output is not as the contract says.' };
  return { output };
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
