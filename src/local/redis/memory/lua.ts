import { createHash } from 'node:crypto';
import './lua-number-format.ts';
import fengari, { type LuaState } from 'fengari';
import { RedisError, type Reply } from '../redis-engine.ts';
import { pushField, pushReply, readArgument, readField, readReply } from './lua-values.ts';

const { lua, lauxlib, lualib, to_luastring: bytes } = fengari;

const INSTRUCTIONS_BETWEEN_CHECKS = 100_000;

// Lua 5.1's names; and doubles where 5.3 would make integers, which in fengari have 32 bits and wrap.
const PRELUDE = `
  unpack = table.unpack
  table.getn = function(t) return #t end
  math.pow = function(x, y) return x ^ y end
  local to_number, floor, ceil = tonumber, math.floor, math.ceil
  tonumber = function(value, base)
    local number
    if base then number = to_number(value, base) else number = to_number(value) end
    return number and number + 0.0
  end
  math.floor = function(x) return floor(x) + 0.0 end
  math.ceil = function(x) return ceil(x) + 0.0 end
  dofile, loadfile, load, require, print, collectgarbage = nil
  redis.status_reply = function(text) return { ok = text } end
  redis.error_reply = function(text) return { err = text } end
  redis.log = function() end
  redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
  KEYS, ARGV = {}, {}
  setmetatable(_G, {
    __newindex = function(_, name) error('Script attempted to create global variable ' .. tostring(name), 2) end,
  })
`;

/** EVAL and its kin. Scripts run to their end before anything else does: that is what makes them atomic. */
export interface ScriptRunner {
  run(source: string, keys: readonly string[], args: readonly string[]): Reply;
  runBySha(sha: string, keys: readonly string[], args: readonly string[]): Reply;
  load(source: string): string;
  has(sha: string): boolean;
  clear(): void;
}

export function createScriptRunner(
  call: (command: readonly string[]) => Reply,
  timeLimitMs: number,
): ScriptRunner {
  const state = newState(call);
  /** By SHA-1: the reference of the compiled function in Lua's registry. */
  const scripts = new Map<string, number>();

  const load = (source: string): string => {
    const sha = createHash('sha1').update(source).digest('hex');
    if (!scripts.has(sha)) scripts.set(sha, compile(state, source));
    return sha;
  };
  const runBySha = (sha: string, keys: readonly string[], args: readonly string[]): Reply => {
    const reference = scripts.get(sha.toLowerCase());
    if (reference === undefined) throw new RedisError('NOSCRIPT No matching script. Please use EVAL.');
    setVariables(state, keys, args);
    return withTimeLimit(state, timeLimitMs, () => execute(state, reference));
  };

  return {
    load,
    runBySha,
    run: (source, keys, args) => runBySha(load(source), keys, args),
    has: (sha) => scripts.has(sha.toLowerCase()),
    clear: () => scripts.clear(),
  };
}

function newState(call: (command: readonly string[]) => Reply): LuaState {
  const state = lauxlib.luaL_newstate();
  lauxlib.luaL_requiref(state, bytes('_G'), lualib.luaopen_base, 1);
  lauxlib.luaL_requiref(state, bytes('table'), lualib.luaopen_table, 1);
  lauxlib.luaL_requiref(state, bytes('string'), lualib.luaopen_string, 1);
  lauxlib.luaL_requiref(state, bytes('math'), lualib.luaopen_math, 1);
  lua.lua_newtable(state);
  lua.lua_pushjsfunction(state, commandFunction(call, false));
  lua.lua_setfield(state, -2, bytes('call'));
  lua.lua_pushjsfunction(state, commandFunction(call, true));
  lua.lua_setfield(state, -2, bytes('pcall'));
  lua.lua_pushjsfunction(state, sha1hex);
  lua.lua_setfield(state, -2, bytes('sha1hex'));
  setGlobalRaw(state, 'redis');
  if (
    lauxlib.luaL_loadstring(state, bytes(PRELUDE)) !== lua.LUA_OK ||
    lua.lua_pcall(state, 0, 0, 0) !== lua.LUA_OK
  ) {
    throw new Error(`the Lua prelude failed: ${lua.lua_tojsstring(state, -1)}`);
  }
  lua.lua_settop(state, 0);
  return state;
}

/** Takes the value on top of the stack. Raw, so that the guard on new globals does not see it. */
function setGlobalRaw(state: LuaState, name: string): void {
  const globals = 2; // LUA_RIDX_GLOBALS
  lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, globals);
  lua.lua_pushstring(state, bytes(name));
  lua.lua_rotate(state, -3, -1);
  lua.lua_rawset(state, -3);
  lua.lua_pop(state, 1);
}

function commandFunction(
  call: (command: readonly string[]) => Reply,
  isProtected: boolean,
): (state: LuaState) => number {
  return (state) => {
    try {
      const count = lua.lua_gettop(state);
      const command = Array.from({ length: count }, (_, index) => readArgument(state, index + 1));
      pushReply(state, call(command));
      return 1;
    } catch (error) {
      pushField(state, 'err', error instanceof Error ? error.message : String(error));
    }
    return isProtected ? 1 : lua.lua_error(state);
  };
}

function sha1hex(state: LuaState): number {
  pushReply(state, createHash('sha1').update(readArgument(state, 1)).digest('hex'));
  return 1;
}

function compile(state: LuaState, source: string): number {
  // The first line may name the engine and its flags (`#!lua flags=…`), as @upstash/ratelimit's scripts do.
  const body = source.replace(/^#!lua\b[^\n]*/, '');
  if (lauxlib.luaL_loadstring(state, bytes(body)) !== lua.LUA_OK) {
    const message = lua.lua_tojsstring(state, -1);
    lua.lua_settop(state, 0);
    throw new RedisError(`ERR Error compiling script (new function): ${message}`);
  }
  return lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
}

function setVariables(state: LuaState, keys: readonly string[], args: readonly string[]): void {
  pushReply(state, [...keys]);
  setGlobalRaw(state, 'KEYS');
  pushReply(state, [...args]);
  setGlobalRaw(state, 'ARGV');
}

function execute(state: LuaState, reference: number): Reply {
  lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, reference);
  const status = lua.lua_pcall(state, 0, 1, 0);
  try {
    if (status === lua.LUA_OK) return readReply(state, 1);
    throw new RedisError(readField(state, 1, 'err') ?? `ERR ${lua.lua_tojsstring(state, 1)}`);
  } finally {
    lua.lua_settop(state, 0);
  }
}

function withTimeLimit<T>(state: LuaState, limitMs: number, work: () => T): T {
  const end = performance.now() + limitMs;
  const check = (running: LuaState): number => {
    if (performance.now() < end) return 0;
    pushField(running, 'err', 'ERR the script ran too long and was ended');
    return lua.lua_error(running);
  };
  lua.lua_sethook(state, check, lua.LUA_MASKCOUNT, INSTRUCTIONS_BETWEEN_CHECKS);
  try {
    return work();
  } finally {
    lua.lua_sethook(state, null, 0, 0);
  }
}
