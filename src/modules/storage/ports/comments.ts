import type { Comment } from '../models/comments.ts';

export interface CommentRepository {
  /** The newest first, of an entry that the user sees. */
  list(userId: string, fileId: string, before: string | null, limit: number): Promise<Comment[]>;
  /** Undefined when the user may not comment there any more. The same id again is the same comment. */
  add(userId: string, fileId: string, id: string, text: string): Promise<Comment | undefined>;
  /** By its author, or by somebody who manages the entry. False when there was none that the user may delete. */
  remove(userId: string, fileId: string, id: string): Promise<boolean>;
  /** Whether there is such a comment. */
  has(fileId: string, id: string): Promise<boolean>;
}
