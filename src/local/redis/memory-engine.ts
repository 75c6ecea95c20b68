import {
  type Command,
  type CommandTable,
  createArguments,
  parseInteger,
  wrongArity,
} from './memory/command.ts';
import { hashCommands } from './memory/hash-commands.ts';
import { keyCommands } from './memory/key-commands.ts';
import { createKeyspace } from './memory/keyspace.ts';
import { listCommands } from './memory/list-commands.ts';
import { createScriptRunner, type ScriptRunner } from './memory/lua.ts';
import { setCommands } from './memory/set-commands.ts';
import { stringCommands } from './memory/string-commands.ts';
import { zsetCommands } from './memory/zset-commands.ts';
import { OK, type Outcome, type RedisEngine, RedisError, type Reply } from './redis-engine.ts';

const SWEEP_INTERVAL_MS = 10_000;

export interface MemoryEngineOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** A script that runs longer is ended with an error. What it has written stays. */
  scriptTimeLimitMs: number;
}

/**
 * Redis in this process, for one machine: strings, hashes, lists, sets, sorted sets, expiry, Lua. Nothing is kept
 * over a restart, as a cache may. Commands run synchronously, so each, each script and each transaction is atomic.
 */
export function createMemoryEngine(options: MemoryEngineOptions): RedisEngine {
  const db = createKeyspace(options.now);
  const table: CommandTable = {
    ...keyCommands,
    ...stringCommands,
    ...hashCommands,
    ...listCommands,
    ...setCommands,
    ...zsetCommands,
  };
  const call = (command: readonly string[]): Reply => {
    const [name = '', ...args] = command;
    return find(table, name, args.length).run(db, createArguments(args));
  };
  // Made after `call`: a script may not call a script, as in Redis.
  const withScripts: CommandTable = {
    ...table,
    ...scriptCommands(createScriptRunner(call, options.scriptTimeLimitMs)),
  };
  const runNow = (command: readonly string[]): Reply => {
    const [name = '', ...args] = command;
    return find(withScripts, name, args.length).run(db, createArguments(args));
  };
  const sweeper = setInterval(() => db.sweep(), SWEEP_INTERVAL_MS).unref();

  return {
    run: async (command) => runNow(command),
    async transaction(commands) {
      assertAllKnown(withScripts, commands);
      return commands.map((command) => outcomeOf(() => runNow(command)));
    },
    async close() {
      clearInterval(sweeper);
    },
  };
}

function find(table: CommandTable, name: string, argumentCount: number): Command {
  const upper = name.toUpperCase();
  const command = Object.hasOwn(table, upper) ? table[upper] : undefined;
  if (!command) throw new RedisError(`ERR unknown command '${name}'`);
  const given = argumentCount + 1;
  if (command.arity < 0 ? given < -command.arity : given !== command.arity)
    throw wrongArity(name.toLowerCase());
  return command;
}

/** Redis refuses to queue what it cannot parse, and then EXEC runs nothing. */
function assertAllKnown(table: CommandTable, commands: readonly (readonly string[])[]): void {
  for (const [name = '', ...args] of commands) {
    try {
      find(table, name, args.length);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw new RedisError(`EXECABORT Transaction discarded because of previous errors: ${cause}`);
    }
  }
}

function outcomeOf(run: () => Reply): Outcome {
  try {
    return { reply: run() };
  } catch (error) {
    if (error instanceof RedisError) return { error: error.message };
    throw error;
  }
}

function scriptCommands(scripts: ScriptRunner): CommandTable {
  const evaluate = (run: 'run' | 'runBySha'): Command => ({
    arity: -3,
    run(_db, args) {
      const keyCount = parseInteger(args.at(1));
      if (keyCount < 0) throw new RedisError("ERR Number of keys can't be negative");
      if (keyCount > args.all.length - 2) {
        throw new RedisError("ERR Number of keys can't be greater than number of args");
      }
      return scripts[run](args.at(0), args.from(2).slice(0, keyCount), args.from(2 + keyCount));
    },
  });
  return {
    EVAL: evaluate('run'),
    EVAL_RO: evaluate('run'),
    EVALSHA: evaluate('runBySha'),
    EVALSHA_RO: evaluate('runBySha'),
    SCRIPT: { arity: -2, run: (_db, args) => manageScripts(scripts, args.at(0).toUpperCase(), args.from(1)) },
  };
}

function manageScripts(scripts: ScriptRunner, action: string, args: readonly string[]): Reply {
  switch (action) {
    case 'LOAD':
      return scripts.load(args[0] ?? '');
    case 'EXISTS':
      return args.map((sha) => Number(scripts.has(sha)));
    case 'FLUSH':
      scripts.clear();
      return OK;
    default:
      throw new RedisError(`ERR unknown subcommand '${action}'`);
  }
}
