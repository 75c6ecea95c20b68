// Redis runs Lua 5.1, where 5.0 prints as "5"; fengari is 5.3 and reads this once, when it is loaded.
process.env.FENGARICONF ??= JSON.stringify({ LUA_COMPAT_FLOATSTRING: true });
