/** Everything that may be used once. A token of one purpose is nothing to another. */
export type OneTimePurpose =
  | 'email-verification'
  | 'email-change'
  | 'email-change-undo'
  | 'password-reset'
  | 'mfa-sign-in'
  | 'passkey-registration'
  | 'passkey-sign-in'
  | 'oidc-state'
  | 'oidc-handoff'
  | 'oidc-link'
  | 'oauth-code'
  | 'oauth-consent'
  | 'browser-sign-in';

export interface OneTimeToken {
  readonly userId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface OneTimeTokenRepository {
  insert(token: {
    purpose: OneTimePurpose;
    tokenHash: string;
    userId: string | null;
    data: Record<string, unknown>;
    expiresAt: Date;
  }): Promise<void>;
  /** Marks a live token as used; of any number at once exactly one gets it. */
  consume(purpose: OneTimePurpose, tokenHash: string): Promise<OneTimeToken | undefined>;
  /** Counts an attempt and returns the token while it is live and has not been tried more than `max` times. */
  attempt(purpose: OneTimePurpose, tokenHash: string, max: number): Promise<OneTimeToken | undefined>;
  find(purpose: OneTimePurpose, tokenHash: string): Promise<OneTimeToken | undefined>;
  deleteExpired(): Promise<void>;
}
