import { OK, RedisError, type Reply } from '../redis-engine.ts';
import { type Arguments, type CommandTable, formatFloat, pairs, parseInteger } from './command.ts';
import { expiryFrom } from './expiry.ts';
import type { Keyspace } from './keyspace.ts';

const text = (db: Keyspace, key: string): string | null => db.read(key, 'string') ?? null;

/** Changes a string in place: its expiry stays. */
function update(db: Keyspace, key: string, data: string): void {
  db.put(key, { type: 'string', data }, db.get(key)?.expiresAt);
}

function add(db: Keyspace, key: string, amount: number): number {
  const sum = parseInteger(text(db, key) ?? '0') + amount;
  if (!Number.isSafeInteger(sum)) throw new RedisError('ERR increment or decrement would overflow');
  update(db, key, String(sum));
  return sum;
}

function set(db: Keyspace, args: Arguments): Reply {
  const key = args.at(0);
  let expiresAt: number | undefined;
  let condition = '';
  let returnsOld = false;
  const options = args.from(2);
  for (let index = 0; index < options.length; index++) {
    const option = (options[index] ?? '').toUpperCase();
    if (option === 'NX' || option === 'XX') condition = option;
    else if (option === 'GET') returnsOld = true;
    else if (option === 'KEEPTTL') expiresAt = db.get(key)?.expiresAt;
    else expiresAt = expiryFrom(option, options[++index], db.now(), 'set');
  }
  const old = returnsOld ? text(db, key) : null;
  const exists = db.get(key) !== undefined;
  if (condition === '' || (condition === 'XX') === exists) {
    db.put(key, { type: 'string', data: args.at(1) }, expiresAt);
    return returnsOld ? old : OK;
  }
  return old;
}

function getEx(db: Keyspace, args: Arguments): Reply {
  const value = text(db, args.at(0));
  const entry = db.get(args.at(0));
  const option = args.at(1).toUpperCase();
  if (!entry || option === '') return value;
  entry.expiresAt = option === 'PERSIST' ? undefined : expiryFrom(option, args.at(2), db.now(), 'getex');
  return value;
}

function setWithExpiry(db: Keyspace, args: Arguments, option: 'EX' | 'PX'): Reply {
  const expiresAt = expiryFrom(option, args.at(1), db.now(), option === 'EX' ? 'setex' : 'psetex');
  db.put(args.at(0), { type: 'string', data: args.at(2) }, expiresAt);
  return OK;
}

function setMany(db: Keyspace, args: Arguments, onlyIfNone: boolean): Reply {
  const items = pairs(args.all, onlyIfNone ? 'msetnx' : 'mset');
  if (onlyIfNone && items.some(([key]) => db.get(key))) return 0;
  for (const [key, data] of items) db.put(key, { type: 'string', data });
  return onlyIfNone ? 1 : OK;
}

function getRange(db: Keyspace, args: Arguments): Reply {
  const bytes = Buffer.from(text(db, args.at(0)) ?? '');
  const start = args.integer(1);
  const end = args.integer(2);
  const from = start < 0 ? Math.max(0, bytes.length + start) : start;
  const to = end < 0 ? Math.max(0, bytes.length + end) : end;
  return bytes.subarray(from, to + 1).toString();
}

export const stringCommands: CommandTable = {
  GET: { arity: 2, run: (db, args) => text(db, args.at(0)) },
  SET: { arity: -3, run: set },
  SETNX: {
    arity: 3,
    run(db, args) {
      if (db.get(args.at(0))) return 0;
      db.put(args.at(0), { type: 'string', data: args.at(1) });
      return 1;
    },
  },
  SETEX: { arity: 4, run: (db, args) => setWithExpiry(db, args, 'EX') },
  PSETEX: { arity: 4, run: (db, args) => setWithExpiry(db, args, 'PX') },
  GETSET: {
    arity: 3,
    run(db, args) {
      const old = text(db, args.at(0));
      db.put(args.at(0), { type: 'string', data: args.at(1) });
      return old;
    },
  },
  GETDEL: {
    arity: 2,
    run(db, args) {
      const old = text(db, args.at(0));
      db.delete(args.at(0));
      return old;
    },
  },
  GETEX: { arity: -2, run: getEx },
  // MGET alone answers nil, not WRONGTYPE, for a key of another type.
  MGET: {
    arity: -2,
    run: (db, args) =>
      args.all.map((key) => {
        const value = db.get(key)?.value;
        return value?.type === 'string' ? value.data : null;
      }),
  },
  MSET: { arity: -3, run: (db, args) => setMany(db, args, false) },
  MSETNX: { arity: -3, run: (db, args) => setMany(db, args, true) },
  INCR: { arity: 2, run: (db, args) => add(db, args.at(0), 1) },
  DECR: { arity: 2, run: (db, args) => add(db, args.at(0), -1) },
  INCRBY: { arity: 3, run: (db, args) => add(db, args.at(0), args.integer(1)) },
  DECRBY: { arity: 3, run: (db, args) => add(db, args.at(0), -args.integer(1)) },
  INCRBYFLOAT: {
    arity: 3,
    run(db, args) {
      const current = Number(text(db, args.at(0)) ?? '0');
      if (Number.isNaN(current)) throw new RedisError('ERR value is not a valid float');
      const sum = formatFloat(current + args.float(1));
      update(db, args.at(0), sum);
      return sum;
    },
  },
  APPEND: {
    arity: 3,
    run(db, args) {
      const joined = (text(db, args.at(0)) ?? '') + args.at(1);
      update(db, args.at(0), joined);
      return Buffer.byteLength(joined);
    },
  },
  STRLEN: { arity: 2, run: (db, args) => Buffer.byteLength(text(db, args.at(0)) ?? '') },
  GETRANGE: { arity: 4, run: getRange },
};
