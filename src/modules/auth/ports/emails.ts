/** A row of the outbox. */
export interface PreparedEmail {
  readonly id: string;
  readonly template: string;
  readonly sealedMessage: string;
}

/** An e-mail that one dispatcher has for itself until its next attempt is due. */
export interface LeasedEmail {
  readonly id: string;
  readonly template: string;
  readonly sealedMessage: string;
  /** This one included. */
  readonly attempts: number;
}

export interface EmailRepository {
  insert(email: PreparedEmail): Promise<void>;
  /**
   * Takes up to `limit` e-mails that are due and puts their next attempt off, so that of any number of dispatchers
   * exactly one has each of them: `firstDelaySeconds`, doubled with every attempt, `maxDelaySeconds` at most.
   */
  lease(options: {
    limit: number;
    firstDelaySeconds: number;
    maxDelaySeconds: number;
  }): Promise<LeasedEmail[]>;
  /** The sealed text goes with the success. */
  markSent(id: string): Promise<void>;
  /** Never tried again; the sealed text goes. */
  markFailed(id: string, reason: string): Promise<void>;
  noteReason(id: string, reason: string): Promise<void>;
  /** Gives up on e-mails whose last attempt never reported, and deletes those that ended `days` ago. */
  cleanUp(options: { maxAttempts: number; days: number }): Promise<void>;
}

export interface RenderedEmail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What the provider made of an e-mail. Reasons are for the log: no address, no text. */
export type MailOutcome =
  | { readonly outcome: 'sent' }
  /** It will never take this one. */
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'retry'; readonly reason: string };

/** Sends e-mails. The same id twice is the same e-mail, which the provider delivers once. */
export interface Mailer {
  send(email: RenderedEmail & { readonly id: string; readonly to: string }): Promise<MailOutcome>;
}
