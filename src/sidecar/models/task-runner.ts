import { inferenceLimits } from '../limits.ts';
import { sidecarError } from '../problems.ts';
import { createTurns } from '../turns.ts';
import type { Cores, Priority } from './cores.ts';
import type { ModelFigures } from './figures.ts';
import type { ModelFolder } from './model-source.ts';
import { type ModelThread, startModelThread } from './model-thread.ts';
import type { TaskModel } from './registry.ts';
import { type TaskCall, taskAnswerSchema } from './task-call.ts';

export interface TaskOptions {
  priority: Priority;
  signal: AbortSignal;
}

/** A model of another task than embedding, loaded. */
export interface TaskRunner {
  readonly model: TaskModel;
  /** The answer in the format of the task. @throws AppError overloaded, inference_failed */
  run(call: TaskCall, options: TaskOptions): Promise<unknown>;
  close(): Promise<void>;
}

export interface TaskRunnerContext {
  cores: Cores;
  figures: ModelFigures;
  limits?: typeof inferenceLimits;
}

const SCRIPT = new URL('./task-worker.ts', import.meta.url);

/** Loads a model on a thread of its own. One that does not answer in time is ended, and the next call starts another. */
export async function loadTaskRunner(
  model: TaskModel,
  folder: ModelFolder,
  { cores, figures, limits = inferenceLimits }: TaskRunnerContext,
): Promise<TaskRunner> {
  const start = () =>
    startModelThread(SCRIPT, {
      folder: folder.path,
      task: model.task,
      dtype: model.dtype,
      maxTokens: model.maxTokens,
    });
  const turns = createTurns(limits.turns, `Too many requests wait for ${model.id}.`);
  let thread: ModelThread | undefined = await start();
  let closed = false;

  async function ask(call: TaskCall) {
    if (closed) throw new Error('the model was unloaded');
    thread ??= await start();
    try {
      return taskAnswerSchema.parse(await thread.ask(call, limits.callMilliseconds));
    } catch (error) {
      const failed = thread;
      thread = undefined;
      await failed?.close();
      const detail = `${model.id} did not answer: ${error instanceof Error ? error.message : String(error)}.`;
      throw sidecarError('inference_failed', { detail, cause: error });
    }
  }

  return {
    model,
    async run(call, { priority, signal }) {
      const end = figures.begin();
      try {
        const { output, tokens } = await turns(signal, async () => {
          const release = await new Promise<() => void>((resolve) => cores.request(priority, resolve));
          try {
            signal.throwIfAborted();
            return await ask(call);
          } finally {
            release();
          }
        });
        end('done', tokens);
        return output;
      } catch (error) {
        const failed = error instanceof Error && 'code' in error && error.code === 'inference_failed';
        end(failed ? 'failed' : 'refused', 0);
        throw error;
      }
    },
    async close() {
      closed = true;
      await thread?.close();
    },
  };
}
