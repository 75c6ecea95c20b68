import { z } from 'zod';
import { modelIdSchema, modelTaskSchema } from '../../../contracts/sidecar.ts';

export const providerTaskSchema = z.enum([...modelTaskSchema.options, 'chat-completion']);
export type ProviderTask = z.infer<typeof providerTaskSchema>;

/** Credentials in it would stand in the messages of whatever goes wrong with it. */
const urlSchema = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => !/^https?:\/\/[^/?#]*@/i.test(url),
    'must not have credentials in it: they go into `token`',
  );

/** A provider is a URL that takes a task in Hugging Face's inference format: the sidecar, an endpoint, a hosted API. */
export const providerSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be a short name in lower case'),
  task: providerTaskSchema,
  /** `sidecar` stands for the sidecar's place in the order; without it, the sidecar comes last. */
  url: z.union([z.literal('sidecar'), urlSchema]),
  token: z.string().min(1).optional(),
  /** Of vectors: the id of the model, as the sidecar would name it. Of chat: what the API calls it. */
  model: z.string().min(1).max(200).optional(),
  timeoutMs: z.int().min(100).max(300_000).optional(),
});
export type ProviderConfig = z.infer<typeof providerSchema>;

/** `AI_PROVIDERS`: a JSON list, in the order in which they are asked. */
export const providerListSchema = z
  .string()
  .default('[]')
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(providerSchema).max(50))
  .refine(
    (providers) => new Set(providers.map(({ name, task }) => `${name} ${task}`)).size === providers.length,
    'must name each provider once for a task',
  )
  .refine(
    (providers) =>
      providers.every(
        ({ task, url, model }) =>
          task !== 'feature-extraction' || url === 'sidecar' || modelIdSchema.safeParse(model).success,
      ),
    'must say which model a provider of feature-extraction has: vectors of different models cannot be compared',
  );
