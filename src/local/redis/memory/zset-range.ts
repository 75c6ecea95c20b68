import { RedisError, type Reply } from '../redis-engine.ts';
import {
  type Arguments,
  type Command,
  formatFloat,
  parseFloatStrictly,
  parseInteger,
  SYNTAX_ERROR,
  sliceBounds,
} from './command.ts';
import type { Keyspace } from './keyspace.ts';
import type { ScoredMember } from './sorted-set.ts';

interface RangeMode {
  byScore?: boolean;
  reverse?: boolean;
}

interface RangeOptions {
  byScore: boolean;
  reverse: boolean;
  withScores: boolean;
  offset: number;
  /** Negative: all. */
  limit: number;
}

/** ZRANGE and the older commands that are special cases of it. */
export function rangeCommand(mode: RangeMode): Command {
  return { arity: -4, run: (db, args) => range(db, args, parseOptions(mode, args.from(3))) };
}

/** `5`, `(5`, `-inf` and `+inf` as ZCOUNT and its kin take them. */
export function scoreFilter(minimum: string, maximum: string): (item: ScoredMember) => boolean {
  const low = scoreBound(minimum);
  const high = scoreBound(maximum);
  return ({ score }) =>
    (low.exclusive ? score > low.value : score >= low.value) &&
    (high.exclusive ? score < high.value : score <= high.value);
}

function range(db: Keyspace, args: Arguments, options: RangeOptions): Reply {
  const all = db.read(args.at(0), 'zset')?.ordered() ?? [];
  const found = options.byScore ? byScore(all, args, options) : byRank(all, args, options);
  return found.flatMap((item) =>
    options.withScores ? [item.member, formatFloat(item.score)] : [item.member],
  );
}

function byScore(all: readonly ScoredMember[], args: Arguments, options: RangeOptions): ScoredMember[] {
  // Reversed, the highest bound comes first.
  const [minimum, maximum] = options.reverse ? [args.at(2), args.at(1)] : [args.at(1), args.at(2)];
  const found = all.filter(scoreFilter(minimum, maximum));
  if (options.reverse) found.reverse();
  return found.slice(options.offset, options.limit < 0 ? undefined : options.offset + options.limit);
}

function byRank(all: readonly ScoredMember[], args: Arguments, options: RangeOptions): ScoredMember[] {
  const bounds = sliceBounds(args.integer(1), args.integer(2), all.length);
  return (options.reverse ? all.toReversed() : all).slice(...bounds);
}

function parseOptions(mode: RangeMode, words: readonly string[]): RangeOptions {
  const options: RangeOptions = {
    byScore: false,
    reverse: false,
    ...mode,
    withScores: false,
    offset: 0,
    limit: -1,
  };
  let limited = false;
  for (let index = 0; index < words.length; index++) {
    const word = (words[index] ?? '').toUpperCase();
    if (word === 'WITHSCORES') options.withScores = true;
    else if (word === 'BYSCORE') options.byScore = true;
    else if (word === 'REV') options.reverse = true;
    else if (word === 'LIMIT') {
      options.offset = parseInteger(words[++index] ?? '');
      options.limit = parseInteger(words[++index] ?? '');
      limited = true;
    } else throw new RedisError(SYNTAX_ERROR);
  }
  if (limited && !options.byScore) throw new RedisError(SYNTAX_ERROR);
  return options;
}

function scoreBound(text: string): { value: number; exclusive: boolean } {
  const exclusive = text.startsWith('(');
  try {
    return { value: parseFloatStrictly(exclusive ? text.slice(1) : text), exclusive };
  } catch {
    throw new RedisError('ERR min or max is not a float');
  }
}
