import { RedisError, type Reply } from '../redis-engine.ts';
import {
  type Arguments,
  type Command,
  type CommandTable,
  formatFloat,
  parseFloatStrictly,
  SYNTAX_ERROR,
  scanOptions,
  sliceBounds,
} from './command.ts';
import type { Keyspace } from './keyspace.ts';
import type { ScoredMember } from './sorted-set.ts';
import { rangeCommand, scoreFilter } from './zset-range.ts';

const ordered = (db: Keyspace, key: string): readonly ScoredMember[] => db.read(key, 'zset')?.ordered() ?? [];

function add(db: Keyspace, args: Arguments): Reply {
  const flags = new Set<string>();
  let index = 1;
  while (/^(nx|xx|gt|lt|ch|incr)$/i.test(args.at(index))) flags.add(args.at(index++).toUpperCase());
  const items = scoredMembers(args.from(index));
  if (flags.has('INCR') && items.length !== 1)
    throw new RedisError('ERR INCR option supports a single increment-element pair');
  const set = db.open(args.at(0), 'zset');
  let added = 0;
  let changed = 0;
  let incremented: number | null = null;
  for (const item of items) {
    const old = set.score(item.member);
    const score = flags.has('INCR') ? (old ?? 0) + item.score : item.score;
    if (!mayWrite(flags, old, score)) continue;
    set.set(item.member, score);
    incremented = score;
    if (old === undefined) added++;
    else if (old !== score) changed++;
  }
  db.dropIfEmpty(args.at(0));
  if (flags.has('INCR')) return incremented === null ? null : formatFloat(incremented);
  return flags.has('CH') ? added + changed : added;
}

function scoredMembers(items: readonly string[]): ScoredMember[] {
  if (items.length === 0 || items.length % 2 !== 0) throw new RedisError(SYNTAX_ERROR);
  const result: ScoredMember[] = [];
  for (let index = 0; index < items.length; index += 2) {
    result.push({ score: parseFloatStrictly(items[index] ?? ''), member: items[index + 1] ?? '' });
  }
  return result;
}

function mayWrite(flags: ReadonlySet<string>, old: number | undefined, score: number): boolean {
  if (old === undefined) return !flags.has('XX');
  if (flags.has('NX')) return false;
  return !(flags.has('GT') && score <= old) && !(flags.has('LT') && score >= old);
}

function remove(db: Keyspace, key: string, members: readonly string[]): number {
  const set = db.read(key, 'zset');
  if (!set) return 0;
  let removed = 0;
  for (const member of members) if (set.delete(member)) removed++;
  db.dropIfEmpty(key);
  return removed;
}

function pop(highest: boolean): Command {
  return {
    arity: -2,
    run(db, args) {
      const wanted = args.all.length > 1 ? args.integer(1) : 1;
      const all = ordered(db, args.at(0));
      const taken = highest ? all.slice(-wanted || all.length).reverse() : all.slice(0, wanted);
      remove(
        db,
        args.at(0),
        taken.map((item) => item.member),
      );
      return taken.flatMap((item) => [item.member, formatFloat(item.score)]);
    },
  };
}

function rank(reverse: boolean): Command {
  return {
    arity: 3,
    run(db, args) {
      const set = db.read(args.at(0), 'zset');
      const position = set?.rank(args.at(1)) ?? -1;
      if (!set || position < 0) return null;
      return reverse ? set.size - 1 - position : position;
    },
  };
}

const score = (db: Keyspace, key: string, member: string): Reply => {
  const found = db.read(key, 'zset')?.score(member);
  return found === undefined ? null : formatFloat(found);
};

function scan(db: Keyspace, args: Arguments): Reply {
  args.integer(1);
  const { matches } = scanOptions(args.from(2));
  const found = ordered(db, args.at(0)).filter((item) => matches(item.member));
  return ['0', found.flatMap((item) => [item.member, formatFloat(item.score)])];
}

export const zsetCommands: CommandTable = {
  ZADD: { arity: -4, run: add },
  ZINCRBY: {
    arity: 4,
    run(db, args) {
      const sum = (db.read(args.at(0), 'zset')?.score(args.at(2)) ?? 0) + args.float(1);
      db.open(args.at(0), 'zset').set(args.at(2), sum);
      return formatFloat(sum);
    },
  },
  ZREM: { arity: -3, run: (db, args) => remove(db, args.at(0), args.from(1)) },
  ZSCORE: { arity: 3, run: (db, args) => score(db, args.at(0), args.at(1)) },
  ZMSCORE: { arity: -3, run: (db, args) => args.from(1).map((member) => score(db, args.at(0), member)) },
  ZCARD: { arity: 2, run: (db, args) => ordered(db, args.at(0)).length },
  ZCOUNT: {
    arity: 4,
    run: (db, args) => ordered(db, args.at(0)).filter(scoreFilter(args.at(1), args.at(2))).length,
  },
  ZRANK: rank(false),
  ZREVRANK: rank(true),
  ZRANGE: rangeCommand({}),
  ZREVRANGE: rangeCommand({ reverse: true }),
  ZRANGEBYSCORE: rangeCommand({ byScore: true }),
  ZREVRANGEBYSCORE: rangeCommand({ byScore: true, reverse: true }),
  ZREMRANGEBYSCORE: {
    arity: 4,
    run(db, args) {
      const found = ordered(db, args.at(0)).filter(scoreFilter(args.at(1), args.at(2)));
      return remove(
        db,
        args.at(0),
        found.map((item) => item.member),
      );
    },
  },
  ZREMRANGEBYRANK: {
    arity: 4,
    run(db, args) {
      const all = ordered(db, args.at(0));
      const found = all.slice(...sliceBounds(args.integer(1), args.integer(2), all.length));
      return remove(
        db,
        args.at(0),
        found.map((item) => item.member),
      );
    },
  },
  ZPOPMIN: pop(false),
  ZPOPMAX: pop(true),
  ZSCAN: { arity: -3, run: scan },
};
