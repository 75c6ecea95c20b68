import { sidecarError } from '../problems.ts';

/** A model as far as memory is concerned. */
export interface Resident {
  readonly id: string;
  /** Bytes that it is counted with while it is in memory or being loaded; 0 otherwise. */
  charge: number;
  pinned: boolean;
  /** Nothing may take it away now. */
  busy(): boolean;
  lastUsedAt(): number;
  evict(): Promise<void>;
}

export interface ModelMemory {
  readonly residentBytes: number;
  /**
   * Counts `bytes` for a model, after the least recently used others have been evicted that have to go.
   * @throws AppError model_unavailable when it does not fit beside those that are pinned or at work
   */
  reserve(model: Resident, bytes: number): Promise<void>;
}

const MIB = 1_048_576;

/** Memory of models under a budget. */
export function createModelMemory(models: readonly Resident[], budgetBytes: number): ModelMemory {
  const resident = () => models.reduce((sum, { charge }) => sum + charge, 0);
  return {
    get residentBytes() {
      return resident();
    },
    async reserve(model, bytes) {
      const fits = () => resident() - model.charge + bytes <= budgetBytes;
      const victims = models
        .filter((other) => other !== model && other.charge > 0 && !other.pinned && !other.busy())
        .sort((a, b) => a.lastUsedAt() - b.lastUsedAt());
      const freed = victims.reduce((sum, { charge }) => sum + charge, 0);
      // Nothing is evicted for what does not fit anyway.
      if (resident() - model.charge - freed + bytes > budgetBytes) {
        const [needed, budget] = [bytes, budgetBytes].map((value) => Math.ceil(value / MIB));
        throw sidecarError('model_unavailable', {
          detail: `${model.id} needs about ${needed} MiB; ${budget} MiB are for models, and what else is in memory is pinned or at work.`,
          retryAfterSeconds: 10,
        });
      }
      for (const victim of victims) {
        if (fits()) break;
        if (!victim.busy() && !victim.pinned) await victim.evict();
      }
      model.charge = bytes;
    },
  };
}
