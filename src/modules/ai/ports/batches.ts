import type { Batch, BatchItem, BatchOperation, BatchSelection } from '../models/batches.ts';

export type BatchCommand = 'pause' | 'resume' | 'cancel' | 'retry';

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** A batch is its maker's alone. */
export interface BatchRepository {
  /**
   * With those of the files that the user may change, each with its current version, in one statement.
   * `files`: ids, or the folder that they are below.
   */
  create(
    userId: string,
    batch: { readonly id: string; readonly operation: BatchOperation; readonly selection: BatchSelection },
    files: { readonly ids: readonly string[] } | { readonly folderId: string },
    most: number,
  ): Promise<void>;
  find(userId: string, id: string): Promise<Batch | undefined>;
  list(userId: string, limit: number, cursor: string | undefined): Promise<Page<Batch>>;
  /** Of the files that the user sees at this moment. */
  items(
    userId: string,
    id: string,
    query: {
      readonly state?: string | undefined;
      readonly limit: number;
      readonly cursor?: string | undefined;
    },
  ): Promise<Page<BatchItem>>;
  /** False when the batch is not in a state that allows it; undefined when there is none. */
  command(userId: string, id: string, command: BatchCommand): Promise<boolean | undefined>;

  /** Items whose work is through get their outcome. @returns how many */
  settle(): Promise<number>;
  /** Asks for the work of the next items, so that no running batch has more than `atOnce` under way. @returns how many */
  release(atOnce: number): Promise<number>;
  /** Batches that have nothing left are done. */
  finish(): Promise<void>;
}
