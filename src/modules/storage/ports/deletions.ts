export interface DeletionRepository {
  /** Keys that are due, nobody else's for `leaseSeconds`; never one that has a row of its own. */
  claim(limit: number, leaseSeconds: number): Promise<string[]>;
  done(keys: readonly string[]): Promise<void>;
}

/** What of the object store it takes to delete. */
export interface DeletingStore {
  /** Those that are not there count as deleted. */
  deleteMany(keys: readonly string[]): Promise<void>;
}
