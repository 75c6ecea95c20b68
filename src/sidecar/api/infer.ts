import { modelTaskSchema } from '../../contracts/sidecar.ts';
import type { OtherTask } from '../models/registry.ts';
import { type TaskCall, taskCallSchemas } from '../models/task-call.ts';
import { sidecarError } from '../problems.ts';
import { parseBody } from './body.ts';
import { type EmbeddingModels, extractFeatures } from './feature-extraction.ts';
import { statedPriority } from './priority.ts';

/** Inference in the Hugging Face format of the task, by the model `id` or by the default of the task. */
export async function infer(
  request: Request,
  json: unknown,
  models: EmbeddingModels,
  { task: name, id }: { task: string; id?: string | undefined },
): Promise<Response> {
  const task = modelTaskSchema.safeParse(name);
  if (!task.success) throw sidecarError('not_found', { detail: `There is no task ${name.slice(0, 100)}.` });
  if (task.data === 'feature-extraction') return extractFeatures(request, json, models, id);
  const call = parseCall(task.data, json);
  const priority = statedPriority(request) ?? 'interactive';
  return models.models.withRunner(task.data, id, request.signal, async (runner) => {
    const output = await runner.run(call, { priority, signal: request.signal });
    return Response.json(output, { headers: { 'x-model': runner.model.id } });
  });
}

function parseCall(task: OtherTask, json: unknown): TaskCall {
  switch (task) {
    case 'text-ranking':
      return { task, input: parseBody(taskCallSchemas[task], json) };
    case 'zero-shot-classification':
      return { task, input: parseBody(taskCallSchemas[task], json) };
    case 'summarization':
      return { task, input: parseBody(taskCallSchemas[task], json) };
    case 'token-classification':
      return { task, input: parseBody(taskCallSchemas[task], json) };
    case 'text-classification':
      return { task, input: parseBody(taskCallSchemas[task], json) };
  }
}
