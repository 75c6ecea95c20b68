import { OK, RedisError, type Reply } from '../redis-engine.ts';
import {
  type Arguments,
  type Command,
  type CommandTable,
  globMatcher,
  SYNTAX_ERROR,
  scanOptions,
} from './command.ts';
import type { Keyspace } from './keyspace.ts';

function count(keys: readonly string[], test: (key: string) => boolean): number {
  let total = 0;
  for (const key of keys) if (test(key)) total++;
  return total;
}

/** EXPIRE and its kin; a time that has passed deletes the key, as in Redis. */
function expire(unit: number, absolute: boolean): Command {
  return {
    arity: -3,
    run(db, args) {
      const entry = db.get(args.at(0));
      const at = args.integer(1) * unit + (absolute ? 0 : db.now());
      if (!entry || !expiryAllowed(args.at(2).toUpperCase(), entry.expiresAt, at)) return 0;
      if (at <= db.now()) db.delete(args.at(0));
      else entry.expiresAt = at;
      return 1;
    },
  };
}

function expiryAllowed(condition: string, current: number | undefined, next: number): boolean {
  switch (condition) {
    case '':
      return true;
    case 'NX':
      return current === undefined;
    case 'XX':
      return current !== undefined;
    case 'GT':
      return current !== undefined && next > current;
    case 'LT':
      return current === undefined || next < current;
    default:
      throw new RedisError(SYNTAX_ERROR);
  }
}

/** -2: no such key; -1: it does not expire. */
function remaining(describe: (expiresAt: number, now: number) => number): Command {
  return {
    arity: 2,
    run(db, args) {
      const entry = db.get(args.at(0));
      if (!entry) return -2;
      return entry.expiresAt === undefined ? -1 : describe(entry.expiresAt, db.now());
    },
  };
}

function rename(db: Keyspace, args: Arguments, onlyIfFree: boolean): Reply {
  const entry = db.get(args.at(0));
  if (!entry) throw new RedisError('ERR no such key');
  if (onlyIfFree && db.get(args.at(1))) return 0;
  db.delete(args.at(0));
  db.put(args.at(1), entry.value, entry.expiresAt);
  return onlyIfFree ? 1 : OK;
}

function scan(db: Keyspace, args: Arguments): Reply {
  args.integer(0);
  const { matches, type } = scanOptions(args.from(1));
  const wanted = (key: string): boolean =>
    matches(key) && (type === undefined || db.get(key)?.value.type === type);
  return ['0', db.keys().filter(wanted)];
}

function clear(db: Keyspace): Reply {
  db.clear();
  return OK;
}

const remove: Command = { arity: -2, run: (db, args) => count(args.all, (key) => db.delete(key)) };
const exists: Command = {
  arity: -2,
  run: (db, args) => count(args.all, (key) => db.get(key) !== undefined),
};

export const keyCommands: CommandTable = {
  DEL: remove,
  UNLINK: remove,
  EXISTS: exists,
  TOUCH: exists,
  EXPIRE: expire(1000, false),
  PEXPIRE: expire(1, false),
  EXPIREAT: expire(1000, true),
  PEXPIREAT: expire(1, true),
  TTL: remaining((at, now) => Math.round((at - now) / 1000)),
  PTTL: remaining((at, now) => at - now),
  EXPIRETIME: remaining((at) => Math.round(at / 1000)),
  PEXPIRETIME: remaining((at) => at),
  PERSIST: {
    arity: 2,
    run(db, args) {
      const entry = db.get(args.at(0));
      if (entry?.expiresAt === undefined) return 0;
      entry.expiresAt = undefined;
      return 1;
    },
  },
  TYPE: { arity: 2, run: (db, args) => ({ ok: db.get(args.at(0))?.value.type ?? 'none' }) },
  KEYS: { arity: 2, run: (db, args) => db.keys().filter(globMatcher(args.at(0))) },
  SCAN: { arity: -2, run: scan },
  RENAME: { arity: 3, run: (db, args) => rename(db, args, false) },
  RENAMENX: { arity: 3, run: (db, args) => rename(db, args, true) },
  DBSIZE: { arity: 1, run: (db) => db.keys().length },
  FLUSHDB: { arity: -1, run: clear },
  FLUSHALL: { arity: -1, run: clear },
  PING: { arity: -1, run: (_db, args) => args.all[0] ?? { ok: 'PONG' } },
  ECHO: { arity: 2, run: (_db, args) => args.at(0) },
  TIME: {
    arity: 1,
    run(db) {
      const now = db.now();
      return [String(Math.floor(now / 1000)), String((now % 1000) * 1000)];
    },
  },
  // Nobody can subscribe over this endpoint, so nobody receives.
  PUBLISH: { arity: 3, run: () => 0 },
};
