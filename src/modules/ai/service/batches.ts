import { aiError } from '../errors.ts';
import {
  BATCH_FILES,
  type Batch,
  type BatchItem,
  type BatchRequest,
  type BatchSelection,
} from '../models/batches.ts';
import type { BatchCommand, BatchRepository, Page } from '../ports/batches.ts';
import type { Caller } from '../ports/caller.ts';
import type { SearchRepository } from '../ports/search.ts';
import { parseQuery } from './query-language.ts';

export interface BatchDependencies {
  readonly repository: BatchRepository;
  readonly search: Pick<SearchRepository, 'matching'>;
  readonly newId: () => string;
  /** Wakes up who works it off. */
  readonly wakeUp: () => Promise<void>;
}

export interface BatchService {
  /** @throws AppError `nothing_selected` */
  create(caller: Caller, request: BatchRequest): Promise<Batch>;
  /** @throws AppError `batch_not_found` */
  find(userId: string, id: string): Promise<Batch>;
  list(userId: string, limit: number, cursor: string | undefined): Promise<Page<Batch>>;
  /** @throws AppError `batch_not_found` */
  items(userId: string, id: string, query: Parameters<BatchRepository['items']>[2]): Promise<Page<BatchItem>>;
  /** @throws AppError `batch_not_found`, `batch_state` */
  command(userId: string, id: string, command: BatchCommand): Promise<Batch>;
}

/** Work on many files: asked for here, done by the one job machine, a few at a time and after everything interactive. */
export function createBatchService({ repository, search, newId, wakeUp }: BatchDependencies): BatchService {
  async function find(userId: string, id: string): Promise<Batch> {
    const batch = await repository.find(userId, id);
    if (batch === undefined) throw aiError('batch_not_found');
    return batch;
  }

  async function filesOf(caller: Caller, selection: BatchSelection) {
    if ('fileIds' in selection) return { ids: selection.fileIds };
    if ('folderId' in selection) return { folderId: selection.folderId };
    const { q, filters = {} } = selection.query;
    const terms = q === '' ? undefined : parseQuery(q);
    return { ids: await search.matching({ userId: caller.userId, filters }, terms, BATCH_FILES) };
  }

  return {
    find,
    list: repository.list,

    async create(caller, { operation, selection }) {
      const id = newId();
      const files = await filesOf(caller, selection);
      await repository.create(caller.userId, { id, operation, selection }, files, BATCH_FILES);
      const batch = await repository.find(caller.userId, id);
      if (batch === undefined) throw aiError('nothing_selected');
      await wakeUp();
      return batch;
    },

    async items(userId, id, query) {
      await find(userId, id);
      return repository.items(userId, id, query);
    },

    async command(userId, id, command) {
      const done = await repository.command(userId, id, command);
      if (done === undefined) throw aiError('batch_not_found');
      const batch = await find(userId, id);
      if (!done)
        throw aiError('batch_state', { detail: `A batch that is ${batch.state} takes no "${command}".` });
      await wakeUp();
      return batch;
    },
  };
}

/** Items under way of each batch: enough to keep the workers busy, few enough that a pause is felt. */
const AT_ONCE = 16;

/** One round: outcomes of what is through, work for what comes next. @returns how many items moved */
export async function advanceBatches(repository: BatchRepository): Promise<number> {
  const settled = await repository.settle();
  const released = await repository.release(AT_ONCE);
  if (settled > 0) await repository.finish();
  return settled + released;
}
