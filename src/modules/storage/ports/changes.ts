import type { StorageEventType } from '../../../contracts/storage.ts';
import type { FeedCursor } from '../models/changes.ts';

export interface FeedEvent {
  readonly transactionId: string;
  readonly eventId: string;
  readonly type: StorageEventType;
  readonly fileId: string;
  readonly versionId: string | null;
  readonly actorId: string | null;
  readonly at: Date;
  /** It may have taken the file out of the caller's sight. */
  readonly takesAway: boolean;
}

export interface FeedPage {
  /** The cursor is older than what is kept, or of a history that the database does not know. */
  readonly expired: boolean;
  readonly events: readonly FeedEvent[];
  /** Everything that is not in here has a place behind it. */
  readonly horizon: FeedCursor & { readonly standing: string };
}

export interface ChangeRepository {
  /** What the user is told after the cursor, in order and complete: only what is behind every running transaction. */
  read(userId: string, after: FeedCursor, limit: number): Promise<FeedPage>;
  /**
   * Takes old events out of the outbox, in order, none that a reader of our own has not read, and notes how far.
   * @returns how many went
   */
  trim(olderThanDays: number, limit: number): Promise<number>;
}
