import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { modelIdSchema, modelTaskSchema } from '../../contracts/sidecar.ts';
import type { ModelEntry } from './registry.ts';

const path = z
  .string()
  .max(200)
  .regex(/^[\w.-]+(\/[\w.-]+)*$/, 'must be a path of letters, digits, . _ -')
  .refine((value) => !value.split('/').some((part) => /^\.+$/.test(part)), 'must not leave its folder');

const base = {
  id: modelIdSchema,
  /** Of the hub, `owner/name`. */
  repo: path,
  revision: path,
  dtype: z.enum(['fp32', 'fp16', 'q8', 'q4']).default('q8'),
  maxTokens: z.int().min(8).max(8_192),
  licence: z.string().min(1).max(100),
  sizeBytes: z.int().positive().optional(),
};

const entrySchema = z.discriminatedUnion('task', [
  z.strictObject({
    ...base,
    task: z.literal('feature-extraction'),
    dimensions: z.int().positive().max(4_096),
    pooling: z.enum(['cls', 'mean']),
    queryPrefix: z.string().max(500).default(''),
  }),
  z.strictObject({ ...base, task: modelTaskSchema.exclude(['feature-extraction']) }),
]);

const registryFileSchema = z.strictObject({ models: z.array(entrySchema).max(100) });

/**
 * Entries of an operator's file: `{"models": [{task, id, repo, revision, dtype, maxTokens, licence, …}]}`.
 * @throws Error that names the file and every fault: a service with half its models would hide the mistake.
 */
export function readRegistryFile(file: string): ModelEntry[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`MODEL_REGISTRY: ${file} cannot be read as JSON`, { cause: error });
  }
  const parsed = registryFileSchema.safeParse(json);
  if (!parsed.success) throw new Error(`MODEL_REGISTRY: ${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.models;
}

/** The operator's entries come first, and stand for a built-in one of the same id. @throws Error on an id given twice */
export function mergeEntries(own: readonly ModelEntry[], builtIn: readonly ModelEntry[]): ModelEntry[] {
  const ids = own.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`MODEL_REGISTRY: the id ${twice} is given twice`);
  return [...own, ...builtIn.filter(({ id }) => !ids.includes(id))];
}
