import { RedisError } from '../redis-engine.ts';
import { parseInteger, SYNTAX_ERROR } from './command.ts';

/** The time in epoch milliseconds that `EX 10`, `PX 10`, `EXAT ts` or `PXAT ts` means. */
export function expiryFrom(option: string, amount: string | undefined, now: number, command: string): number {
  if (amount === undefined || !/^[EP]X(AT)?$/.test(option)) throw new RedisError(SYNTAX_ERROR);
  const value = parseInteger(amount);
  if (value <= 0) throw new RedisError(`ERR invalid expire time in '${command}' command`);
  const milliseconds = option.startsWith('E') ? value * 1000 : value;
  return option.endsWith('AT') ? milliseconds : now + milliseconds;
}
