import { z } from 'zod';

/** Of an event in the outbox: transaction, row. */
export interface Position {
  readonly transactionId: string;
  readonly eventId: string;
}

export const journalStateSchema = z.object({
  /** The first part of all names that this database gives: a later life of the data sorts behind an earlier one. */
  epoch: z.string(),
  /** Written since the last snapshot was begun. */
  segments: z.int(),
  /** Beginnings of what was sealed since then: under which keys. */
  sealedWith: z.array(z.string()),
  /** The snapshot that is being written. */
  snapshot: z
    .object({
      transactionId: z.string(),
      eventId: z.string(),
      run: z.string(),
      parts: z.array(z.string()),
      /** The last file that is in it. */
      after: z.string().nullable(),
      /** The journal has to come so far before it counts: the transaction that was the next when its last part was read. */
      end: z.string().nullable(),
      sealedWith: z.string(),
    })
    .nullable(),
  /** The last one that was finished. */
  complete: z.object({ at: z.string(), parts: z.int(), sealedWith: z.string() }).nullable(),
});
export type JournalState = z.infer<typeof journalStateSchema>;

export interface JournalSource {
  /** Every line is one JSON document: an entry with all that belongs to it, a purged one, a drive. */
  readonly lines: readonly string[];
}

export interface JournalRepository {
  /** Nobody else writes for `seconds`; undefined while somebody does, or the tree is being rebuilt. */
  lease(
    token: string,
    seconds: number,
  ): Promise<{ position: Position; state: JournalState | undefined } | undefined>;
  release(token: string): Promise<void>;
  /** Nothing happens when the lease was lost. */
  save(token: string, state: JournalState, position?: Position): Promise<boolean>;
  /** What is the state now of all that the next events are about, of so many versions together; `last` is undefined when there are none. */
  segment(
    after: Position,
    events: number,
    versions: number,
  ): Promise<JournalSource & { readonly last: Position | undefined; readonly horizon: string }>;
  /** The next files by id. */
  part(
    after: string | null,
    files: number,
    versions: number,
  ): Promise<JournalSource & { readonly last: string | undefined; readonly end: string }>;
}

/** What of the object store the journal needs beyond the vault. */
export interface JournalStore {
  head(key: string): Promise<object | undefined>;
  list(page: { readonly prefix: string; readonly after?: string; readonly limit: number }): Promise<{
    readonly objects: readonly { readonly key: string }[];
    readonly next: string | null;
  }>;
  deleteMany(keys: readonly string[]): Promise<void>;
}
