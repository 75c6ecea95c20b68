import { z } from 'zod';
import { requestLimits } from '../limits.ts';

/** What each task takes over HTTP, in the format of Hugging Face inference, and hands to the thread of its model. */
const text = z.string().max(requestLimits.charactersPerText);

export const taskCallSchemas = {
  'text-ranking': z.object({
    query: text,
    texts: z.array(text).min(1).max(requestLimits.textsPerCall),
    /** The logit as it is, instead of one between 0 and 1. */
    raw_scores: z.boolean().default(false),
  }),
  'zero-shot-classification': z.object({
    inputs: text,
    parameters: z.object({
      candidate_labels: z.array(z.string().min(1).max(500)).min(1).max(requestLimits.labelsPerCall),
      hypothesis_template: z.string().max(500).includes('{}').default('This example is {}.'),
      multi_label: z.boolean().default(false),
    }),
  }),
  summarization: z.object({
    inputs: text,
    parameters: z
      .object({
        max_new_tokens: z.int().min(1).max(requestLimits.newTokens).optional(),
        min_new_tokens: z.int().min(0).max(requestLimits.newTokens).optional(),
      })
      .default({}),
  }),
  'token-classification': z.object({ inputs: text }),
  'text-classification': z.object({
    inputs: text,
    parameters: z.object({ top_k: z.int().min(1).max(1_000).optional() }).default({}),
  }),
} as const;

type Schemas = typeof taskCallSchemas;

/** A call as the thread gets it. */
export type TaskCall = {
  [Task in keyof Schemas]: { task: Task; input: z.infer<Schemas[Task]> };
}[keyof Schemas];

/** What the thread says to it: the answer as it goes over HTTP. */
export const taskAnswerSchema = z.object({ output: z.unknown(), tokens: z.number() });
export type TaskAnswer = z.infer<typeof taskAnswerSchema>;
