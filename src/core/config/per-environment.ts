import { ConfigError } from './config.ts';

/**
 * Builds something once per environment object. Workers hand in the same `env` for the life of an isolate, so
 * this is where adapters and services live; nothing is configured at import time. A faulty environment stays faulty:
 * its ConfigError is kept too, and is the same object each time, so that it can be logged once.
 */
export function perEnvironment<T>(create: (env: object) => T): (env: object) => T {
  const built = new WeakMap<object, T>();
  const faulty = new WeakMap<object, ConfigError>();
  return (env) => {
    const known = built.get(env);
    if (known !== undefined) return known;
    const fault = faulty.get(env);
    if (fault) throw fault;
    try {
      const value = create(env);
      built.set(env, value);
      return value;
    } catch (error) {
      if (error instanceof ConfigError) faulty.set(env, error);
      throw error;
    }
  };
}
