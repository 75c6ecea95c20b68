import type { ModelInfo, ModelRegistry, ModelTask } from '../../../contracts/sidecar.ts';
import { aiError } from '../errors.ts';
import type { ModelChoice } from '../models/models.ts';
import type { Asker } from '../ports/drives.ts';
import type {
  ChoosingDrive,
  ModelChoiceRepository,
  ModelCommand,
  ModelServer,
  RegistryRefusal,
} from '../ports/models.ts';

export interface ModelDependencies {
  readonly server: ModelServer;
  readonly choices: ModelChoiceRepository;
  readonly wakeUp: () => Promise<void>;
}

export interface ModelService {
  list(): Promise<ModelRegistry>;
  /** @throws AppError `model_not_found` */
  find(id: string): Promise<ModelInfo>;
  /** @throws AppError `model_not_found`, `model_in_use` */
  command(id: string, command: ModelCommand): Promise<ModelInfo>;
  /** @throws AppError `model_not_found`, `model_in_use` */
  remove(id: string): Promise<void>;
  choices(): Promise<readonly ModelChoice[]>;
  /** @throws AppError `model_not_found`, `model_of_another_task` */
  choose(asker: Asker, task: ModelTask, model: string): Promise<readonly ModelChoice[]>;
  /** @throws AppError `drive_not_found` */
  driveChoices(asker: Asker, drive: string): Promise<readonly ModelChoice[]>;
  /** @throws AppError `drive_not_found`, `role_required`, `model_not_found`, `model_of_another_task` */
  chooseInDrive(asker: Asker, drive: string, task: ModelTask, model: string): Promise<readonly ModelChoice[]>;
  /** @throws AppError `drive_not_found`, `role_required` */
  forgetInDrive(asker: Asker, drive: string, task: ModelTask): Promise<void>;
}

const VIEWER = 1;
const MANAGER = 4;

/** Which models there are, and which of them does what for whom. */
export function createModelService({ server, choices, wakeUp }: ModelDependencies): ModelService {
  async function find(id: string): Promise<ModelInfo> {
    const { models } = await server.list();
    const found = models.find((model) => model.id === id);
    if (found === undefined) throw aiError('model_not_found');
    return found;
  }

  async function mustHaveRank({ principal }: Asker, drive: string, needed: number): Promise<void> {
    const rank = await choices.rank(principal.userId, drive);
    if (rank === 0) throw aiError('drive_not_found');
    if (rank < needed) throw aiError('role_required', { detail: 'This needs the role manager.' });
  }

  async function set({ principal }: Asker, drive: ChoosingDrive, task: ModelTask, id: string) {
    const model = await find(id);
    if (model.task !== task) throw aiError('model_of_another_task', { detail: `${id} does ${model.task}.` });
    if (model.dimensions !== null) await choices.addSpace(id, model.dimensions);
    await choices.choose(principal.userId, drive, task, id);
    // Whatever becomes of this: whoever asks for the first vectors brings it into memory too.
    await server.command(id, 'warm').catch(() => undefined);
    await wakeUp();
    return choices.choices(drive);
  }

  return {
    list: () => server.list(),
    find,
    async command(id, command) {
      return unrefused(await server.command(id, command));
    },
    async remove(id) {
      await find(id);
      if (await choices.isInUse(id))
        throw aiError('model_in_use', { detail: 'Choose another model for its task first.' });
      unrefused((await server.remove(id)) ?? {});
    },
    choices: () => choices.choices(null),
    choose: (asker, task, model) => set(asker, null, task, model),
    async driveChoices(asker, drive) {
      await mustHaveRank(asker, drive, VIEWER);
      return choices.choices(drive);
    },
    async chooseInDrive(asker, drive, task, model) {
      await mustHaveRank(asker, drive, MANAGER);
      return set(asker, drive, task, model);
    },
    async forgetInDrive(asker, drive, task) {
      await mustHaveRank(asker, drive, MANAGER);
      await choices.forget(asker.principal.userId, drive, task);
      await wakeUp();
    },
  };
}

function unrefused<T extends object>(result: T | RegistryRefusal): T {
  if (!('refused' in result)) return result;
  if (result.refused === 'not_found') throw aiError('model_not_found');
  throw aiError('model_in_use', { detail: result.detail });
}

/** Versions for which vectors are asked for in one round: they wait behind everything interactive. */
const AT_ONCE = 500;
const FORGOTTEN_AT_ONCE = 5_000;

/**
 * One round of changing embedding models: vectors of the next one are made beside those that answer; when none is
 * missing, it answers. Vectors that nobody asks for any more go, a piece at a time. @returns how much was done
 */
export async function advanceModels(choices: ModelChoiceRepository): Promise<number> {
  let done = 0;
  for (const change of await choices.changes()) {
    const asked = await choices.askForVectors(change, AT_ONCE);
    done += asked > 0 ? asked : Number(await choices.switchOver(change));
  }
  return done + (await choices.forgetUnused(FORGOTTEN_AT_ONCE));
}
