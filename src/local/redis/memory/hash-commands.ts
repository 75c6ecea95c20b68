import { OK, RedisError, type Reply } from '../redis-engine.ts';
import {
  type Arguments,
  type CommandTable,
  formatFloat,
  pairs,
  parseFloatStrictly,
  parseInteger,
  scanOptions,
} from './command.ts';
import type { Keyspace } from './keyspace.ts';

const read = (db: Keyspace, key: string): ReadonlyMap<string, string> => db.read(key, 'hash') ?? new Map();

function setFields(db: Keyspace, args: Arguments, command: string): number {
  const items = pairs(args.from(1), command);
  const hash = db.open(args.at(0), 'hash');
  const before = hash.size;
  for (const [field, value] of items) hash.set(field, value);
  return hash.size - before;
}

function deleteFields(db: Keyspace, args: Arguments): number {
  const hash = db.read(args.at(0), 'hash');
  if (!hash) return 0;
  const before = hash.size;
  for (const field of args.from(1)) hash.delete(field);
  const removed = before - hash.size;
  db.dropIfEmpty(args.at(0));
  return removed;
}

function increment(db: Keyspace, args: Arguments): Reply {
  const sum = integerField(read(db, args.at(0)).get(args.at(1))) + args.integer(2);
  if (!Number.isSafeInteger(sum)) throw new RedisError('ERR increment or decrement would overflow');
  db.open(args.at(0), 'hash').set(args.at(1), String(sum));
  return sum;
}

function integerField(value: string | undefined): number {
  try {
    return parseInteger(value ?? '0');
  } catch {
    throw new RedisError('ERR hash value is not an integer');
  }
}

function scan(db: Keyspace, args: Arguments): Reply {
  args.integer(1);
  const { matches } = scanOptions(args.from(2));
  return ['0', [...read(db, args.at(0))].filter(([field]) => matches(field)).flat()];
}

export const hashCommands: CommandTable = {
  HSET: { arity: -4, run: (db, args) => setFields(db, args, 'hset') },
  HMSET: {
    arity: -4,
    run(db, args) {
      setFields(db, args, 'hmset');
      return OK;
    },
  },
  HSETNX: {
    arity: 4,
    run(db, args) {
      if (read(db, args.at(0)).has(args.at(1))) return 0;
      db.open(args.at(0), 'hash').set(args.at(1), args.at(2));
      return 1;
    },
  },
  HGET: { arity: 3, run: (db, args) => read(db, args.at(0)).get(args.at(1)) ?? null },
  HMGET: {
    arity: -3,
    run(db, args) {
      const hash = read(db, args.at(0));
      return args.from(1).map((field) => hash.get(field) ?? null);
    },
  },
  HGETALL: { arity: 2, run: (db, args) => [...read(db, args.at(0))].flat() },
  HKEYS: { arity: 2, run: (db, args) => [...read(db, args.at(0)).keys()] },
  HVALS: { arity: 2, run: (db, args) => [...read(db, args.at(0)).values()] },
  HLEN: { arity: 2, run: (db, args) => read(db, args.at(0)).size },
  HEXISTS: { arity: 3, run: (db, args) => Number(read(db, args.at(0)).has(args.at(1))) },
  HSTRLEN: { arity: 3, run: (db, args) => Buffer.byteLength(read(db, args.at(0)).get(args.at(1)) ?? '') },
  HDEL: { arity: -3, run: deleteFields },
  HINCRBY: { arity: 4, run: increment },
  HINCRBYFLOAT: {
    arity: 4,
    run(db, args) {
      const current = parseFloatStrictly(read(db, args.at(0)).get(args.at(1)) ?? '0');
      const sum = formatFloat(current + args.float(2));
      db.open(args.at(0), 'hash').set(args.at(1), sum);
      return sum;
    },
  },
  HSCAN: { arity: -3, run: scan },
};
