import type { NewObject } from '../../../core/objects/vault.ts';

/** What of the object store it takes to keep small things under keys that are written once. */
export interface KeepingStore {
  put(
    key: string,
    body: Uint8Array,
    options: {
      readonly size: number;
      readonly contentType: string;
      readonly metadata: Readonly<Record<string, string>>;
    },
  ): Promise<unknown>;
  get(key: string): Promise<Response | undefined>;
  head(key: string): Promise<object | undefined>;
}

export interface KeyRotationRepository {
  /** Objects whose data key is not wrapped under the key of this prefix. */
  notUnder(prefix: string, limit: number): Promise<NewObject[]>;
  /**
   * Puts `wrappedKey` in the place of the one that was read, and asks for the deletion of its copy in the bucket; of the
   * new copy's, when the object is gone. Nothing happens when somebody else was faster.
   * @param copies keys in the bucket of the old and the new copy
   */
  replace(
    object: NewObject,
    wrappedKey: string,
    copies: { readonly from: string; readonly to: string },
    deleteAfterSeconds: number,
  ): Promise<void>;
}
