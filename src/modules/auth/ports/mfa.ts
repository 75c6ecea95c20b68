/** Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, steps of 30 s, which is what every app can do. */
export interface OneTimePasswords {
  /** 160 random bits in base32. */
  newSecret(): string;
  /** `otpauth://totp/…`, for a QR code. */
  uri(secret: string, account: string): string;
  /** The time step whose code this is, if it counts at that moment: the current one, or just now the one before. */
  matchingStep(secret: string, code: string, at: Date): number | undefined;
}

export interface Factors {
  /** Null: there is none that is confirmed. */
  readonly totpConfirmedAt: Date | null;
  readonly passkeys: number;
  readonly recoveryCodesLeft: number;
  /** Not a factor: what was begun with an older password ends with it. */
  readonly passwordChangedAt: Date | null;
}

export interface TotpCredential {
  /** Base32, sealed under `totp <userId>`. */
  readonly sealedSecret: string;
  readonly confirmedAt: Date | null;
  readonly createdAt: Date;
}

/** `missing`: there was nothing to remove; `last`: it is the only factor, and had to be kept. */
export type Removal = 'removed' | 'missing' | 'last';

export interface MfaRepository {
  factorsOf(userId: string): Promise<Factors>;
  findTotp(userId: string): Promise<TotpCredential | undefined>;
  /** Replaces an enrolment that was not finished; false when one is confirmed. */
  beginTotp(userId: string, sealedSecret: string): Promise<boolean>;
  /** Confirms exactly this secret and puts new recovery codes in place of all others; once. */
  confirmTotp(input: {
    userId: string;
    sealedSecret: string;
    step: number;
    codeHashes: readonly string[];
  }): Promise<boolean>;
  /** Of any number of uses of a step, at once or later, exactly one gets true; and no older step after it. */
  useTotpStep(userId: string, sealedSecret: string, step: number): Promise<boolean>;
  /** With the last factor the recovery codes go too. */
  removeTotp(userId: string, keepLast: boolean): Promise<Removal>;
  /** False when there is no factor that they could stand in for. */
  replaceRecoveryCodes(userId: string, codeHashes: readonly string[]): Promise<boolean>;
  /** Of any number of uses exactly one gets true. */
  useRecoveryCode(userId: string, codeHash: string): Promise<boolean>;
}
