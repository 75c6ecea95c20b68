/** The part of fengari (Lua's C API in JavaScript) that lua.ts uses; the package carries no types. */
declare module 'fengari' {
  interface LuaState {
    readonly __luaState: never;
  }
  type LuaFunction = (state: LuaState) => number;
  const fengari: {
    to_luastring(text: string): Uint8Array;
    lua: {
      readonly LUA_OK: number;
      readonly LUA_REGISTRYINDEX: number;
      readonly LUA_MASKCOUNT: number;
      readonly LUA_TNIL: number;
      readonly LUA_TBOOLEAN: number;
      readonly LUA_TNUMBER: number;
      readonly LUA_TSTRING: number;
      readonly LUA_TTABLE: number;
      lua_type(state: LuaState, index: number): number;
      lua_gettop(state: LuaState): number;
      lua_settop(state: LuaState, index: number): void;
      lua_pop(state: LuaState, count: number): void;
      lua_error(state: LuaState): number;
      lua_pcall(state: LuaState, args: number, results: number, handler: number): number;
      lua_sethook(state: LuaState, hook: LuaFunction | null, mask: number, count: number): void;
      lua_newtable(state: LuaState): void;
      lua_rawgeti(state: LuaState, index: number, key: number): number;
      lua_rawset(state: LuaState, index: number): void;
      lua_rotate(state: LuaState, index: number, count: number): void;
      lua_rawseti(state: LuaState, index: number, key: number): void;
      lua_getfield(state: LuaState, index: number, key: Uint8Array): number;
      lua_setfield(state: LuaState, index: number, key: Uint8Array): void;
      lua_pushboolean(state: LuaState, value: boolean): void;
      lua_pushnumber(state: LuaState, value: number): void;
      lua_pushstring(state: LuaState, value: Uint8Array): void;
      lua_pushjsfunction(state: LuaState, value: LuaFunction): void;
      lua_toboolean(state: LuaState, index: number): boolean;
      lua_tonumber(state: LuaState, index: number): number;
      lua_tojsstring(state: LuaState, index: number): string;
    };
    lauxlib: {
      luaL_newstate(): LuaState;
      luaL_loadstring(state: LuaState, source: Uint8Array): number;
      luaL_ref(state: LuaState, index: number): number;
      luaL_requiref(state: LuaState, name: Uint8Array, open: LuaFunction, global: number): void;
    };
    lualib: Record<'luaopen_base' | 'luaopen_table' | 'luaopen_string' | 'luaopen_math', LuaFunction>;
  };
  export default fengari;
  export type { LuaState };
}
