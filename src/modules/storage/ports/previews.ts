import type { NewObject } from '../../../core/objects/vault.ts';
import type { StoredVersion } from './files.ts';

/** What is known of the preview of some size of an object. */
export type Preview =
  | { readonly kind: 'made'; readonly object: StoredVersion['object']; readonly madeAt: Date }
  /** There can be none, as far as was seen. The reason is for a person. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface NewPreview {
  readonly objectId: string;
  readonly variant: string;
  readonly preview: NewObject & { readonly size: number; readonly sha256: string };
}

export interface PreviewRepository {
  /** Refusals that are older than `refusedWithinSeconds` count as not there. */
  find(objectId: string, variant: string, refusedWithinSeconds: number): Promise<Preview | undefined>;
  /**
   * The bytes are in the store. Of any number at once one is kept; the bytes of the others are asked to go, as they are
   * when the object is gone meanwhile.
   */
  insert(made: NewPreview): Promise<void>;
  refuse(objectId: string, variant: string, reason: string): Promise<void>;
  /** This preview is not to be used any more; its bytes are asked to go. */
  forget(previewId: string): Promise<void>;
}
