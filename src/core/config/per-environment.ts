/**
 * Builds something once per environment object. Workers hand in the same `env` for the life of an isolate, so
 * this is where adapters and services live; nothing is configured at import time.
 */
export function perEnvironment<T>(create: (env: object) => T): (env: object) => T {
  const built = new WeakMap<object, T>();
  return (env) => {
    const known = built.get(env);
    if (known !== undefined) return known;
    const value = create(env);
    built.set(env, value);
    return value;
  };
}
