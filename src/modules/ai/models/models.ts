import { z } from '@hono/zod-openapi';
import { modelIdSchema, modelInfoSchema, modelTaskSchema } from '../../../contracts/sidecar.ts';
import { driveParamsSchema } from './drives.ts';

export const modelParamsSchema = z.object({ id: modelIdSchema });
export const modelCommandSchema = z.enum(['pull', 'warm', 'unload', 'pin', 'unpin']);
/** Tasks whose model is chosen here; of the others the registry of the sidecar says which is the default. */
export const taskParamsSchema = z.object({
  task: modelTaskSchema.extract(['feature-extraction', 'text-ranking']),
});
export const driveTaskParamsSchema = driveParamsSchema.extend(taskParamsSchema.shape);

export const modelSchema = modelInfoSchema.openapi('Model');

export const modelListSchema = z
  .object({
    models: z.array(modelSchema),
    /** Of the process that runs them. */
    memory: z.object({ budgetBytes: z.int(), residentBytes: z.int() }),
  })
  .openapi('Models');

/** Which model does a task. While `next` is being made ready, `model` answers; then `next` takes over at once. */
export const modelChoiceSchema = z
  .object({
    task: modelTaskSchema,
    /** Null: the default of whoever answers, until the first answer. */
    model: modelIdSchema.nullable(),
    /** `drive`: chosen there. `deployment`: what holds for all that have not chosen. */
    chosenBy: z.enum(['drive', 'deployment']),
    next: z
      .object({
        model: modelIdSchema,
        /** That still get its vectors; at 0 it takes over, unless it failed for more of them than it worked for. */
        versionsLeft: z.int().nonnegative(),
        /** That it was given up for, after several attempts; they are not waited for. */
        versionsFailed: z.int().nonnegative(),
        versions: z.int().nonnegative(),
        /** Why it goes no further, as far as anything is known to be in its way. */
        waitsFor: z.string().nullable(),
      })
      .nullable(),
  })
  .openapi('ModelChoice');
export type ModelChoice = z.infer<typeof modelChoiceSchema>;

export const modelChoicesSchema = z.object({ items: z.array(modelChoiceSchema) });
export const modelChoiceRequestSchema = z.strictObject({ model: modelIdSchema });
