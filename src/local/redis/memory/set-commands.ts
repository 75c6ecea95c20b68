import type { Reply } from '../redis-engine.ts';
import { type Arguments, type Command, type CommandTable, scanOptions } from './command.ts';
import type { Keyspace } from './keyspace.ts';

const read = (db: Keyspace, key: string): ReadonlySet<string> => db.read(key, 'set') ?? new Set();

function add(db: Keyspace, args: Arguments): Reply {
  const set = db.open(args.at(0), 'set');
  const before = set.size;
  for (const member of args.from(1)) set.add(member);
  return set.size - before;
}

function remove(db: Keyspace, key: string, members: readonly string[]): number {
  const set = db.read(key, 'set');
  if (!set) return 0;
  const before = set.size;
  for (const member of members) set.delete(member);
  const removed = before - set.size;
  db.dropIfEmpty(key);
  return removed;
}

/** Which members is up to the server; this one takes the oldest, so that a run can be repeated. */
function choose(db: Keyspace, args: Arguments): string[] {
  const wanted = args.all.length > 1 ? Math.abs(args.integer(1)) : 1;
  return [...read(db, args.at(0))].slice(0, wanted);
}

function pop(db: Keyspace, args: Arguments): Reply {
  const chosen = choose(db, args);
  remove(db, args.at(0), chosen);
  return args.all.length > 1 ? chosen : (chosen[0] ?? null);
}

function combine(operation: (left: Set<string>, right: ReadonlySet<string>) => Set<string>): Command {
  return {
    arity: -2,
    run(db, args) {
      const first = new Set(read(db, args.at(0)));
      return [...args.from(1).reduce((result, key) => operation(result, read(db, key)), first)];
    },
  };
}

function scan(db: Keyspace, args: Arguments): Reply {
  args.integer(1);
  const { matches } = scanOptions(args.from(2));
  return ['0', [...read(db, args.at(0))].filter(matches)];
}

export const setCommands: CommandTable = {
  SADD: { arity: -3, run: add },
  SREM: { arity: -3, run: (db, args) => remove(db, args.at(0), args.from(1)) },
  SMEMBERS: { arity: 2, run: (db, args) => [...read(db, args.at(0))] },
  SISMEMBER: { arity: 3, run: (db, args) => Number(read(db, args.at(0)).has(args.at(1))) },
  SMISMEMBER: {
    arity: -3,
    run(db, args) {
      const set = read(db, args.at(0));
      return args.from(1).map((member) => Number(set.has(member)));
    },
  },
  SCARD: { arity: 2, run: (db, args) => read(db, args.at(0)).size },
  SPOP: { arity: -2, run: pop },
  SRANDMEMBER: {
    arity: -2,
    run: (db, args) => (args.all.length > 1 ? choose(db, args) : (choose(db, args)[0] ?? null)),
  },
  SUNION: combine((left, right) => new Set([...left, ...right])),
  SINTER: combine((left, right) => new Set([...left].filter((member) => right.has(member)))),
  SDIFF: combine((left, right) => new Set([...left].filter((member) => !right.has(member)))),
  SSCAN: { arity: -3, run: scan },
};
