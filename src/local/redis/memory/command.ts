import { RedisError, type Reply } from '../redis-engine.ts';
import type { Keyspace } from './keyspace.ts';

/** `arity` as Redis counts it: with the name; a negative one is a minimum. */
export interface Command {
  arity: number;
  run(db: Keyspace, args: Arguments): Reply;
}

export type CommandTable = Record<string, Command>;

/** The arguments after the name. The arity is checked before; `at` answers '' only for what is optional. */
export interface Arguments {
  readonly all: readonly string[];
  at(index: number): string;
  integer(index: number): number;
  float(index: number): number;
  from(index: number): readonly string[];
}

export const SYNTAX_ERROR = 'ERR syntax error';

export function createArguments(all: readonly string[]): Arguments {
  const at = (index: number): string => all[index] ?? '';
  return {
    all,
    at,
    integer: (index) => parseInteger(at(index)),
    float: (index) => parseFloatStrictly(at(index)),
    from: (index) => all.slice(index),
  };
}

export function parseInteger(text: string): number {
  const value = Number(text);
  // Redis has 64 bits, JavaScript 53: beyond them, refuse rather than round.
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new RedisError('ERR value is not an integer or out of range');
  }
  return value;
}

export function parseFloatStrictly(text: string): number {
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinity) return infinity[1] === '-' ? -Infinity : Infinity;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new RedisError('ERR value is not a valid float');
  return value;
}

export function formatFloat(value: number): string {
  if (value === Infinity) return 'inf';
  return value === -Infinity ? '-inf' : String(value);
}

export function pairs(items: readonly string[], command: string): [string, string][] {
  if (items.length % 2 !== 0) throw wrongArity(command);
  const result: [string, string][] = [];
  for (let index = 0; index < items.length; index += 2)
    result.push([items[index] ?? '', items[index + 1] ?? '']);
  return result;
}

export function wrongArity(command: string): RedisError {
  return new RedisError(`ERR wrong number of arguments for '${command}' command`);
}

/** Start and end (inclusive, negative from the end) as Redis takes them, as arguments for `slice`. */
export function sliceBounds(start: number, end: number, length: number): [number, number] {
  const from = start < 0 ? Math.max(0, length + start) : start;
  const to = end < 0 ? length + end : Math.min(end, length - 1);
  return to < from ? [0, 0] : [from, to + 1];
}

/** SCAN, HSCAN, SSCAN, ZSCAN: everything in one page, which the contract of a cursor allows. */
export function scanOptions(options: readonly string[]): {
  matches(text: string): boolean;
  type: string | undefined;
} {
  let matches = (_text: string): boolean => true;
  let type: string | undefined;
  for (const [name, value] of pairs(options, 'scan')) {
    if (/^match$/i.test(name)) matches = globMatcher(value);
    else if (/^type$/i.test(name)) type = value.toLowerCase();
    else if (!/^count$/i.test(name)) throw new RedisError(SYNTAX_ERROR);
  }
  return { matches, type };
}

/** Redis's glob: `*`, `?`, `[a-c]`, `[^x]` and a backslash that takes the next character as it is. */
export function globMatcher(glob: string): (text: string) => boolean {
  let pattern = '';
  for (let index = 0; index < glob.length; index++) {
    const character = glob[index] ?? '';
    const close = character === '[' ? glob.indexOf(']', index + 1) : -1;
    if (character === '*') pattern += '.*';
    else if (character === '?') pattern += '.';
    else if (close > 0) {
      pattern += `[${glob.slice(index + 1, close).replaceAll('\\', '\\\\')}]`;
      index = close;
    } else {
      if (character === '\\' && index + 1 < glob.length) index++;
      pattern += (glob[index] ?? '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
    }
  }
  const expression = new RegExp(`^${pattern}$`, 's');
  return (text) => expression.test(text);
}
