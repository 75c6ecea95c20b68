import type { UploadMark, UploadPage } from '../../../core/objects/object-store.ts';
import type { NewObject } from '../../../core/objects/vault.ts';

export interface Abandoned {
  readonly id: string;
  readonly object: NewObject;
  readonly storeUploadId: string;
}

export interface UploadUpkeepRepository {
  /** Ids of active uploads whose time is over. */
  expired(limit: number): Promise<string[]>;
  /** Aborted ones whose parts the store still has. */
  abandoned(limit: number): Promise<Abandoned[]>;
  /** The store has nothing of it any more. */
  cleared(uploadId: string): Promise<void>;
  /** Rows of uploads that ended long enough ago. */
  removeEnded(limit: number): Promise<void>;
  /** Of multipart uploads at the store those that no row names. */
  unknown(marks: readonly UploadMark[]): Promise<UploadMark[]>;
  /** Of keys of tails those that no row names. */
  unknownTails(keys: readonly string[]): Promise<string[]>;
}

/** What of the object store it takes to find what nobody knows. */
export interface UploadListing {
  list(page: { readonly prefix: string; readonly after?: string; readonly limit: number }): Promise<{
    readonly objects: readonly { readonly key: string; readonly modifiedAt: Date }[];
    readonly next: string | null;
  }>;
  readonly multipart: {
    list(page: {
      readonly prefix: string;
      readonly after?: UploadMark;
      readonly limit: number;
    }): Promise<UploadPage>;
    abort(key: string, uploadId: string): Promise<void>;
  };
}
