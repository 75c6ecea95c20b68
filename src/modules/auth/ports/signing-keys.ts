export interface SigningKeyRecord {
  /** `kid`. */
  readonly id: string;
  readonly publicKey: { readonly kty: string; readonly crv: string; readonly x: string };
  /** Private JWK, sealed under `signing-key <id>`. */
  readonly sealedKey: string;
  readonly signsFrom: Date;
  readonly retiresAt: Date | null;
}

export interface SigningKeyRepository {
  /** Keys whose tokens are accepted, the newest first. */
  accepted(): Promise<SigningKeyRecord[]>;
  /** Does nothing when there is an accepted key already. */
  insertFirst(
    key: Pick<SigningKeyRecord, 'id' | 'sealedKey'> & { publicKey: { kty: string; crv: string; x: string } },
  ): Promise<void>;
}
