import { RedisError } from '../redis-engine.ts';
import { createSortedSet, type SortedSet } from './sorted-set.ts';

interface DataTypes {
  string: string;
  hash: Map<string, string>;
  list: string[];
  set: Set<string>;
  zset: SortedSet;
}

type Type = keyof DataTypes;
export type Value = { [T in Type]: { type: T; data: DataTypes[T] } }[Type];

interface Entry {
  value: Value;
  /** Milliseconds since the epoch; undefined never expires. */
  expiresAt: number | undefined;
}

/** The keys of one database. A key whose time has come is gone for every caller, swept or not. */
export interface Keyspace {
  now(): number;
  get(key: string): Entry | undefined;
  /** The data of a key that has to have this type, or undefined. Throws WRONGTYPE. */
  read<T extends Type>(key: string, type: T): DataTypes[T] | undefined;
  /** The same, made empty if it is not there. */
  open<T extends Exclude<Type, 'string'>>(key: string, type: T): DataTypes[T];
  /** Replaces value and expiry. */
  put(key: string, value: Value, expiresAt?: number): void;
  delete(key: string): boolean;
  /** Redis keeps no empty collection: call after taking something away. */
  dropIfEmpty(key: string): void;
  keys(): string[];
  clear(): void;
  /** Frees what has expired. */
  sweep(): void;
}

export function createKeyspace(now: () => number): Keyspace {
  const entries = new Map<string, Entry>();

  const get = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry?.expiresAt === undefined || entry.expiresAt > now()) return entry;
    entries.delete(key);
    return undefined;
  };

  const read = <T extends Type>(key: string, type: T): DataTypes[T] | undefined => {
    const value = get(key)?.value;
    if (!value) return undefined;
    if (!isType(value, type)) throw wrongType();
    return value.data;
  };

  const open = <T extends Exclude<Type, 'string'>>(key: string, type: T): DataTypes[T] => {
    const existing = read(key, type);
    if (existing !== undefined) return existing;
    const value = emptyValue(type);
    entries.set(key, { value, expiresAt: undefined });
    if (!isType(value, type)) throw wrongType();
    return value.data;
  };

  return {
    now,
    get,
    read,
    open,
    put: (key, value, expiresAt) => entries.set(key, { value, expiresAt }),
    delete: (key) => get(key) !== undefined && entries.delete(key),
    dropIfEmpty(key) {
      const value = entries.get(key)?.value;
      if (value && sizeOf(value) === 0) entries.delete(key);
    },
    keys: () => [...entries.keys()].filter((key) => get(key) !== undefined),
    clear: () => entries.clear(),
    sweep() {
      for (const key of entries.keys()) get(key);
    },
  };
}

function isType<T extends Type>(value: Value, type: T): value is Value & { type: T; data: DataTypes[T] } {
  return value.type === type;
}

function wrongType(): RedisError {
  return new RedisError('WRONGTYPE Operation against a key holding the wrong kind of value');
}

function emptyValue(type: Exclude<Type, 'string'>): Value {
  switch (type) {
    case 'hash':
      return { type, data: new Map() };
    case 'list':
      return { type, data: [] };
    case 'set':
      return { type, data: new Set() };
    case 'zset':
      return { type, data: createSortedSet() };
  }
}

function sizeOf(value: Value): number {
  if (value.type === 'string') return 1;
  return value.type === 'list' ? value.data.length : value.data.size;
}
