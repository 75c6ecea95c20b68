import { OK, RedisError, type Reply } from '../redis-engine.ts';
import { type Arguments, type Command, type CommandTable, SYNTAX_ERROR, sliceBounds } from './command.ts';
import type { Keyspace } from './keyspace.ts';

type End = 'left' | 'right';

const read = (db: Keyspace, key: string): readonly string[] => db.read(key, 'list') ?? [];

function push(end: End, onlyIfExists: boolean): Command {
  return {
    arity: -3,
    run(db, args) {
      if (onlyIfExists && !db.read(args.at(0), 'list')) return 0;
      const list = db.open(args.at(0), 'list');
      for (const item of args.from(1)) {
        if (end === 'left') list.unshift(item);
        else list.push(item);
      }
      return list.length;
    },
  };
}

function pop(end: End): Command {
  return {
    arity: -2,
    run(db, args) {
      const counted = args.all.length > 1;
      const wanted = counted ? args.integer(1) : 1;
      if (wanted < 0) throw new RedisError('ERR value is out of range, must be positive');
      const list = db.read(args.at(0), 'list');
      if (!list) return null;
      const taken =
        end === 'left' ? list.splice(0, wanted) : list.splice(-wanted || list.length, wanted).reverse();
      db.dropIfEmpty(args.at(0));
      return counted ? taken : (taken[0] ?? null);
    },
  };
}

function move(db: Keyspace, source: string, target: string, from: End, to: End): Reply {
  const list = db.read(source, 'list');
  // The target's type is checked before anything is taken from the source.
  db.read(target, 'list');
  const item = from === 'left' ? list?.shift() : list?.pop();
  if (item === undefined) return null;
  const into = db.open(target, 'list');
  if (to === 'left') into.unshift(item);
  else into.push(item);
  db.dropIfEmpty(source);
  return item;
}

function parseEnd(text: string): End {
  if (/^left$/i.test(text)) return 'left';
  if (/^right$/i.test(text)) return 'right';
  throw new RedisError(SYNTAX_ERROR);
}

function removeItems(db: Keyspace, args: Arguments): Reply {
  const limit = args.integer(1);
  const list = db.read(args.at(0), 'list');
  if (!list) return 0;
  let removed = 0;
  const step = limit < 0 ? -1 : 1;
  for (let index = limit < 0 ? list.length - 1 : 0; index >= 0 && index < list.length; index += step) {
    if (list[index] !== args.at(2) || (limit !== 0 && removed === Math.abs(limit))) continue;
    list.splice(index, 1);
    removed++;
    if (step === 1) index--;
  }
  db.dropIfEmpty(args.at(0));
  return removed;
}

function setItem(db: Keyspace, args: Arguments): Reply {
  const list = db.read(args.at(0), 'list');
  if (!list) throw new RedisError('ERR no such key');
  const index = args.integer(1) < 0 ? list.length + args.integer(1) : args.integer(1);
  if (index < 0 || index >= list.length) throw new RedisError('ERR index out of range');
  list[index] = args.at(2);
  return OK;
}

function trim(db: Keyspace, args: Arguments): Reply {
  const list = db.read(args.at(0), 'list');
  if (!list) return OK;
  const [from, to] = sliceBounds(args.integer(1), args.integer(2), list.length);
  list.splice(0, list.length, ...list.slice(from, to));
  db.dropIfEmpty(args.at(0));
  return OK;
}

export const listCommands: CommandTable = {
  LPUSH: push('left', false),
  RPUSH: push('right', false),
  LPUSHX: push('left', true),
  RPUSHX: push('right', true),
  LPOP: pop('left'),
  RPOP: pop('right'),
  LLEN: { arity: 2, run: (db, args) => read(db, args.at(0)).length },
  LINDEX: { arity: 3, run: (db, args) => read(db, args.at(0)).at(args.integer(1)) ?? null },
  LRANGE: {
    arity: 4,
    run(db, args) {
      const list = read(db, args.at(0));
      return list.slice(...sliceBounds(args.integer(1), args.integer(2), list.length));
    },
  },
  LREM: { arity: 4, run: removeItems },
  LSET: { arity: 4, run: setItem },
  LTRIM: { arity: 4, run: trim },
  LMOVE: {
    arity: 5,
    run: (db, args) => move(db, args.at(0), args.at(1), parseEnd(args.at(2)), parseEnd(args.at(3))),
  },
  RPOPLPUSH: { arity: 3, run: (db, args) => move(db, args.at(0), args.at(1), 'right', 'left') },
};
