import { z } from '@hono/zod-openapi';
import {
  fileIdSchema,
  fileSchema,
  storageEventTypeSchema,
  timestampSchema,
  versionIdSchema,
} from '../../../contracts/storage.ts';

export const MAX_WAIT_SECONDS = 25;

export const changesQuerySchema = z.object({
  /** `nextCursor` of the answer before; nothing is the beginning of what is kept. */
  cursor: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Seconds to wait for a change when there is none yet. */
  wait: z.coerce.number().int().min(0).max(MAX_WAIT_SECONDS).default(0),
});
export type ChangesQuery = z.infer<typeof changesQuerySchema>;

export const changeSchema = z
  .object({
    fileId: fileIdSchema,
    /** The caller does not get to see it any more; then nothing else is told. */
    removed: z.boolean(),
    /** What happened; null for what is removed. */
    type: storageEventTypeSchema.nullable(),
    versionId: versionIdSchema.nullable(),
    actorId: z.string().nullable(),
    at: timestampSchema.nullable(),
    /** As it is now, whatever happened then. */
    file: fileSchema.nullable(),
  })
  .openapi('Change');
export type Change = z.infer<typeof changeSchema>;

export const changePageSchema = z
  .object({
    items: z.array(changeSchema),
    nextCursor: z.string(),
    /** There is more to read at once. */
    more: z.boolean(),
    /** Memberships or limited rights have changed since the cursor: list drives and what is shared again. */
    accessChanged: z.boolean(),
  })
  .openapi('ChangePage');
export type ChangePage = z.infer<typeof changePageSchema>;

export const latestChangeSchema = z.object({ cursor: z.string() });

/** A place in the feed: everything up to it has been told, to somebody who then stood so. */
export interface FeedCursor {
  readonly transactionId: string;
  readonly eventId: string;
  /** Null: from the beginning. */
  readonly standing: string | null;
}

export const FEED_BEGINNING: FeedCursor = { transactionId: '0', eventId: '0', standing: null };
const CURSOR = /^(\d{1,20})-(\d{1,19})-([0-9a-f]{12})$/;

/** Undefined for text that no answer had as its cursor. */
export function parseFeedCursor(text: string): FeedCursor | undefined {
  const [, transactionId = '', eventId = '', standing = ''] = CURSOR.exec(text) ?? [];
  if (standing === '') return undefined;
  // Beyond what the columns hold.
  if (BigInt(transactionId) >= 2n ** 64n || BigInt(eventId) >= 2n ** 63n) return undefined;
  return { transactionId, eventId, standing };
}

export const feedCursor = ({ transactionId, eventId, standing }: FeedCursor): string =>
  `${transactionId}-${eventId}-${standing}`;
