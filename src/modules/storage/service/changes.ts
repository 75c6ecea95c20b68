import type { File } from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { storageError } from '../errors.ts';
import {
  type Change,
  type ChangePage,
  type ChangesQuery,
  FEED_BEGINNING,
  type FeedCursor,
  feedCursor,
  parseFeedCursor,
} from '../models/changes.ts';
import { asUser } from '../ports/actor.ts';
import type { ChangeRepository, FeedEvent, FeedPage } from '../ports/changes.ts';
import type { FileRepository } from '../ports/files.ts';

const LOOK_EVERY_MS = 1_000;
const TRIM_ROWS = 1_000;
const MAX_TRIMS = 10;

export interface ChangeServiceDependencies {
  readonly changes: ChangeRepository;
  readonly files: Pick<FileRepository, 'findFiles'>;
  readonly now: () => number;
  /** Ends early, and without an error, when the signal does. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly keepDays: number;
}

export interface Waiting {
  /** Ends when the client has gone. */
  readonly signal: AbortSignal;
  /** Asks again, after waiting, whether the caller is still let in. @throws when not */
  readonly stillAllowed: () => Promise<void>;
}

export type ChangeService = ReturnType<typeof createChangeService>;

/** What happened to the files that somebody gets to see, for clients that keep a copy (docs/changes.md). */
export function createChangeService(dependencies: ChangeServiceDependencies) {
  const { changes, files, now, sleep, keepDays } = dependencies;

  async function look(userId: string, from: FeedCursor, limit: number): Promise<Look> {
    const page = await changes.read(userId, from, limit + 1);
    if (page.expired)
      throw storageError('cursor_expired', {
        detail: 'Take GET /v1/changes/latest, list everything, and go on from there.',
      });
    const events = page.events.slice(0, limit);
    // After the events, so that no event is older than the file it is shown with.
    const seen = await files.findFiles(asUser(userId), [...new Set(events.map(({ fileId }) => fileId))]);
    return {
      items: itemsOf(events, seen),
      more: page.events.length > limit,
      next: nextOf(page, events, page.events.length > limit),
      accessChanged: from.standing !== null && from.standing !== page.horizon.standing,
    };
  }

  return {
    /** @throws AppError `invalid_request` for what is no cursor, `cursor_expired` for one that is too old */
    async read(userId: string, query: ChangesQuery, waiting: Waiting): Promise<ChangePage> {
      const until = now() + query.wait * 1_000;
      let from = query.cursor ? parseFeedCursor(query.cursor) : FEED_BEGINNING;
      if (from === undefined)
        throw coreError('invalid_request', {
          detail: 'Check cursor in the query.',
          errors: [{ field: 'cursor', message: 'must be a cursor of this feed' }],
        });
      for (let waited = false; ; waited = true) {
        const { items, more, next, accessChanged } = await look(userId, from, query.limit);
        if (items.length > 0 || more || accessChanged || now() >= until || waiting.signal.aborted) {
          if (waited) await waiting.stillAllowed();
          return { items, nextCursor: feedCursor(next), more, accessChanged };
        }
        from = next;
        await sleep(Math.min(LOOK_EVERY_MS, until - now()), waiting.signal);
      }
    },

    /** Where the feed is now. */
    async latest(userId: string): Promise<{ cursor: string }> {
      const { horizon } = await changes.read(userId, FEED_BEGINNING, 0);
      return { cursor: feedCursor(horizon) };
    },

    /** What is older than it has to be kept. */
    async trim(): Promise<void> {
      for (let turn = 0; turn < MAX_TRIMS; turn += 1)
        if ((await changes.trim(keepDays, TRIM_ROWS)) < TRIM_ROWS) return;
    },
  };
}

interface Look {
  readonly items: Change[];
  readonly more: boolean;
  readonly next: FeedCursor;
  readonly accessChanged: boolean;
}

/** With nothing more to read the place is the horizon: a client whose files rest does not grow old with its cursor. */
function nextOf({ horizon }: FeedPage, events: readonly FeedEvent[], more: boolean): FeedCursor {
  const last = events.at(-1);
  return more && last !== undefined
    ? { transactionId: last.transactionId, eventId: last.eventId, standing: horizon.standing }
    : horizon;
}

function itemsOf(events: readonly FeedEvent[], seen: readonly File[]): Change[] {
  const byId = new Map(seen.map((file) => [file.id, file]));
  return events.flatMap(({ fileId, type, versionId, actorId, at, takesAway }): Change[] => {
    const file = byId.get(fileId);
    if (file !== undefined)
      return [{ fileId, removed: false, type, versionId, actorId, at: at.toISOString(), file }];
    // Whoever is told of a file that they cannot see, and that nothing took away, has never seen it.
    return takesAway
      ? [{ fileId, removed: true, type: null, versionId: null, actorId: null, at: null, file: null }]
      : [];
  });
}
