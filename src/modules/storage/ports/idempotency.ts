/** What became of a claim to be the call of this key. */
export type Claim =
  /** It is: what it makes gets this id, also when an earlier try has made it already and could not say so. */
  | {
      readonly state: 'claimed';
      readonly resourceUuid: string;
      readonly isFirst: boolean;
      /** Names this claim: it may run out, and another call go on under the key. */
      readonly lease: string;
    }
  | { readonly state: 'in_progress' }
  /** The key was given to another call. */
  | { readonly state: 'reused' }
  | {
      readonly state: 'answered';
      readonly status: number;
      readonly body: string;
      readonly location: string | null;
    };

export interface StoredAnswer {
  readonly status: number;
  /** Sealed: it may have secrets in it that are shown once. */
  readonly body: string;
  readonly location: string | null;
}

export interface IdempotencyRepository {
  /** Of any number of calls at once one gets the claim; it ends by itself after `leaseSeconds`. */
  claim(
    userId: string,
    key: string,
    fingerprint: string,
    resourceUuid: string,
    leaseSeconds: number,
  ): Promise<Claim>;
  answer(userId: string, key: string, answer: StoredAnswer): Promise<void>;
  /** The call was refused: the key is free again, unless another call has it by now. */
  forget(userId: string, key: string, lease: string): Promise<void>;
  /** Nobody knows what became of the call: the next one tries again, under the same id. */
  release(userId: string, key: string, lease: string): Promise<void>;
  /** @returns how many were removed, at most `limit` */
  removeOlderThan(seconds: number, limit: number): Promise<number>;
}
