import './lua-number-format.ts';
import fengari, { type LuaState } from 'fengari';
import { RedisError, type Reply } from '../redis-engine.ts';

const { lua, to_luastring: bytes } = fengari;

/** Redis to Lua: nil is `false`, a status is `{ok=…}`; every number is a double, as in Lua 5.1. */
export function pushReply(state: LuaState, reply: Reply): void {
  if (reply === null) lua.lua_pushboolean(state, false);
  else if (typeof reply === 'number') lua.lua_pushnumber(state, reply);
  else if (typeof reply === 'string') lua.lua_pushstring(state, bytes(reply));
  else if (Array.isArray(reply)) {
    lua.lua_newtable(state);
    reply.forEach((item, index) => {
      pushReply(state, item);
      lua.lua_rawseti(state, -2, index + 1);
    });
  } else pushField(state, 'ok', reply.ok);
}

/** A table with one text field: `{ok=…}` or `{err=…}`. */
export function pushField(state: LuaState, name: 'ok' | 'err', text: string): void {
  lua.lua_newtable(state);
  lua.lua_pushstring(state, bytes(text));
  lua.lua_setfield(state, -2, bytes(name));
}

/** Lua to Redis: numbers lose their fraction, `true` is 1, `false` nil, an array ends at its first nil. */
export function readReply(state: LuaState, index: number): Reply {
  switch (lua.lua_type(state, index)) {
    case lua.LUA_TSTRING:
      return lua.lua_tojsstring(state, index);
    case lua.LUA_TNUMBER:
      return Math.trunc(lua.lua_tonumber(state, index));
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, index) ? 1 : null;
    case lua.LUA_TTABLE:
      return readTable(state, index);
    default:
      return null;
  }
}

/** The text of a field, or undefined where the value is no table or the field no text. */
export function readField(state: LuaState, index: number, name: 'ok' | 'err'): string | undefined {
  if (lua.lua_type(state, index) !== lua.LUA_TTABLE) return undefined;
  const isText = lua.lua_getfield(state, index, bytes(name)) === lua.LUA_TSTRING;
  const text = isText ? lua.lua_tojsstring(state, -1) : undefined;
  lua.lua_pop(state, 1);
  return text;
}

/** A command's argument: text, or a number as Redis prints it. */
export function readArgument(state: LuaState, index: number): string {
  const type = lua.lua_type(state, index);
  if (type === lua.LUA_TSTRING) return lua.lua_tojsstring(state, index);
  if (type === lua.LUA_TNUMBER) return String(lua.lua_tonumber(state, index));
  throw new RedisError('ERR Lua redis lib command arguments must be strings or integers');
}

function readTable(state: LuaState, index: number): Reply {
  const failure = readField(state, index, 'err');
  if (failure !== undefined) throw new RedisError(failure);
  const status = readField(state, index, 'ok');
  if (status !== undefined) return { ok: status };
  const items: Reply[] = [];
  for (let position = 1; lua.lua_rawgeti(state, index, position) !== lua.LUA_TNIL; position++) {
    items.push(readReply(state, lua.lua_gettop(state)));
    lua.lua_pop(state, 1);
  }
  lua.lua_pop(state, 1);
  return items;
}
