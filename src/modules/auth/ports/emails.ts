export interface PendingEmail {
  readonly id: string;
  readonly sealedMessage: string;
  readonly attempts: number;
}

export interface EmailRepository {
  insert(email: { id: string; template: string; sealedMessage: string }): Promise<void>;
}
