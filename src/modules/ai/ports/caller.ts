import type { CallInTheNameOf } from '../../../contracts/storage.ts';

/** Who asks, and what storage is asked with: it checks for itself what it shows. */
export interface Caller extends CallInTheNameOf {
  readonly userId: string;
}
