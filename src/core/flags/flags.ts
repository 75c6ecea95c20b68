import { createHash } from 'node:crypto';
import type { FlagState } from '../database/flags.ts';
import { describeError, type Logger } from '../telemetry/logger.ts';
import { FLAGS, type FlagName, isFlagName } from './catalogue.ts';

/** How long an isolate goes by what it read last: the longest until a switch takes effect everywhere. */
export const FLAGS_MS = 5_000;

export interface FlagSubject {
  /** Null: nobody is signed in. */
  readonly userId: string | null;
}

export interface Flags {
  isOn(name: FlagName, subject: FlagSubject): Promise<boolean>;
}

export interface FlagsOptions {
  /** All that are stored. */
  readonly load: () => Promise<readonly (FlagState & { readonly name: string })[]>;
  /** Asked only about flags that name workspaces. */
  readonly workspacesOf: (userId: string) => Promise<readonly string[]>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Pick<Logger, 'error'>;
}

/**
 * Switches from the database, remembered per isolate. A flag that is not stored is as the catalogue says, one that is
 * not in the catalogue is off; while the database is away they stay as they were last, and off before the first read.
 */
export function createFlags({ load, workspacesOf, now, logger }: FlagsOptions): Flags {
  let known: ReadonlyMap<string, FlagState> | undefined;
  let until = Number.NEGATIVE_INFINITY;

  // Requests that find the cache stale at once each read for themselves: no promise may outlive its request here.
  async function current(): Promise<ReadonlyMap<string, FlagState> | undefined> {
    if (now() < until) return known;
    try {
      known = new Map((await load()).map((flag) => [flag.name, flag]));
    } catch (error) {
      logger.error('flags could not be read', { error: describeError(error) });
    }
    until = now() + FLAGS_MS;
    return known;
  }

  return {
    async isOn(name, { userId }) {
      if (!isFlagName(name)) return false;
      const flags = await current();
      if (flags === undefined) return false;
      const flag = flags.get(name);
      if (flag === undefined) return FLAGS[name].default;
      if (flag.enabled !== 'partial') return flag.enabled === 'on';
      if (isInShare(name, userId, flag.percentage)) return true;
      if (userId === null) return false;
      if (flag.userIds.includes(userId)) return true;
      if (flag.workspaceIds.length === 0) return false;
      const workspaces = await workspacesOf(userId).catch((): readonly string[] => []);
      return flag.workspaceIds.some((id) => workspaces.includes(id));
    },
  };
}

/** The same answer for the same user every time; who is in a share stays in when it grows. */
function isInShare(name: string, userId: string | null, percentage: number): boolean {
  if (percentage >= 100) return true;
  if (userId === null) return false;
  const digest = createHash('sha256').update(`${name}\n${userId}`).digest('hex');
  return Number.parseInt(digest.slice(0, 8), 16) % 100 < percentage;
}
