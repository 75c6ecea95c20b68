import type { ModelInfo, ModelRegistry, ModelTask } from '../../../contracts/sidecar.ts';
import type { ModelChoice } from '../models/models.ts';

export type ModelCommand = 'pull' | 'warm' | 'unload' | 'pin' | 'unpin';

/** Refused by the model server, with its code. */
export interface RegistryRefusal {
  readonly refused: 'not_found' | 'model_pinned' | 'model_busy' | 'model_kept';
  readonly detail: string;
}

/** The model server's registry. @throws DependencyError */
export interface ModelServer {
  list(): Promise<ModelRegistry>;
  command(id: string, command: ModelCommand): Promise<ModelInfo | RegistryRefusal>;
  remove(id: string): Promise<RegistryRefusal | undefined>;
}

/** A drive, `usr_…` or `wsp_…`, or null for the deployment. */
export type ChoosingDrive = string | null;

export interface ChangeOfModel {
  /** UUID of the drive; of the deployment, the nil UUID. */
  readonly place: string;
  readonly next: string;
}

export interface ModelChoiceRepository {
  /** What holds in a drive; for each task that anybody has chosen for. */
  choices(drive: ChoosingDrive): Promise<ModelChoice[]>;
  /** Rank of the user in the root of the drive; 0 for nothing. */
  rank(userId: string, drive: string): Promise<number>;
  /** Takes effect at once; of an embedding model where there are vectors of another: when its own are all there. */
  choose(userId: string, drive: ChoosingDrive, task: ModelTask, model: string): Promise<void>;
  /** Back to what holds in the deployment, in the same way. */
  forget(userId: string, drive: string, task: ModelTask): Promise<void>;
  /** True when a choice or a change names the model. */
  isInUse(model: string): Promise<boolean>;

  /** Changes of embedding models that are under way. */
  changes(): Promise<ChangeOfModel[]>;
  /** The space of a model's vectors is there from now on. */
  addSpace(model: string, dimensions: number): Promise<void>;
  /** Asks for vectors of the next model for some versions that lack them. @returns how many */
  askForVectors(change: ChangeOfModel, most: number): Promise<number>;
  /** The next model becomes the model, if no version lacks its vectors. @returns whether it did */
  switchOver(change: ChangeOfModel): Promise<boolean>;
  /** Deletes some vectors of models that nobody has chosen. @returns how many */
  forgetUnused(most: number): Promise<number>;
}
