import type { Revoker } from './sessions.ts';

export interface PublicKey {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
}

export interface NewSigningKey {
  /** `kid`. */
  readonly id: string;
  readonly publicKey: PublicKey;
  /** Private JWK, sealed under `signing-key <id>`. */
  readonly sealedKey: string;
}

/** A key whose tokens are accepted. */
export interface SigningKeyRecord extends NewSigningKey {
  /** Its time to sign has come, by the clock of the database: those of isolates differ. */
  readonly signs: boolean;
}

/** A key as administrators see it, without anything secret. */
export interface SigningKeyInfo {
  readonly id: string;
  /** `pending` is published and does not sign yet, `retiring` is published and does not sign any more. */
  readonly state: 'pending' | 'signing' | 'retiring' | 'retired' | 'revoked';
  readonly createdAt: Date;
  readonly signsFrom: Date;
  readonly retiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface Rotation {
  readonly key: NewSigningKey;
  /** Only if the newest key is older than this; null: in any case. */
  readonly olderThanSeconds: number | null;
  /** From publishing the new key to its first signature. */
  readonly leadSeconds: number;
  /** From the first signature of the new key to the end of the others: longer than any token of theirs lives. */
  readonly overlapSeconds: number;
  readonly by: Revoker;
}

export interface SigningKeyRepository {
  /** Keys whose tokens are accepted, the newest first. */
  accepted(): Promise<SigningKeyRecord[]>;
  /** Does nothing when there is an accepted key already. */
  insertFirst(key: NewSigningKey): Promise<void>;
  isDue(olderThanSeconds: number): Promise<boolean>;
  /** Of any number at once exactly one rotates, where a condition is given; false when it does not hold (any more). */
  rotate(rotation: Rotation): Promise<boolean>;
  /**
   * Nothing that this key signed is accepted from now on. If it was the one that signs, the newest of the others does
   * at once, or `replacement` if none is left that could for long. False when there is no such key, or not any more.
   */
  revoke(id: string, replacement: NewSigningKey, by: Revoker): Promise<boolean>;
  /** The newest first. */
  list(limit: number): Promise<SigningKeyInfo[]>;
}
