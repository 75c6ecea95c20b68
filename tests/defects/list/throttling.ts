import type { Defect } from '../defect.ts';

const AUTH = 'src/modules/auth';
const CACHE = 'src/core/cache';
const LOGIN = [`${AUTH}/service/login-throttle.test.ts`];
const LIMITER = [`${CACHE}/rate-limiter.test.ts`];
const GATEWAY = ['src/gateway/client-address.test.ts'];

export const THROTTLING_DEFECTS: readonly Defect[] = [
  {
    claim: 'S7',
    title: '10,000 logins from one address are not counted for the address',
    file: `${AUTH}/service/login-throttle.ts`,
    find: 'let counted: readonly RateClaim[] = [...pair, ofAddress, ofAccount];',
    replace: 'let counted: readonly RateClaim[] = [...pair, ofAccount];',
    tests: LOGIN,
  },
  {
    claim: 'S7',
    title: '10,000 addresses at one account are not counted for the account',
    file: `${AUTH}/service/login-throttle.ts`,
    find: 'limit: LOGIN_FAILURES_PER_ACCOUNT, key: account }',
    replace: 'limit: LOGIN_FAILURES_PER_ACCOUNT, key: `${account}:${address}` }',
    tests: LOGIN,
  },
  {
    claim: 'S7',
    title: 'whoever guesses from many addresses locks the owner out',
    file: `${AUTH}/service/login-throttle.ts`,
    find: 'return network !== null && (await knownNetworks.has(email, network));',
    replace: 'return network === null && (await knownNetworks.has(email, email));',
    tests: LOGIN,
  },
  {
    claim: 'S7',
    title: 'guessing never has to wait longer than a minute',
    file: `${AUTH}/limits.ts`,
    find: "    { name: 'login-failures-15m', limit: 2 * failures, seconds: 900 },\n    { name: 'login-failures-2h', limit: 4 * failures, seconds: 7_200 },\n",
    replace: '',
    tests: LOGIN,
  },
  {
    claim: 'S7',
    title: 'an account in capital letters is another account',
    file: `${AUTH}/service/login-throttle.ts`,
    find: 'hashSecret(email.toLowerCase())',
    replace: 'hashSecret(email)',
    tests: LOGIN,
  },
  {
    claim: 'S7',
    title: 'every address of one IPv6 customer is another address',
    file: 'src/core/security/address.ts',
    find: 'groups.slice(0, 4)',
    replace: 'groups.slice(0, 8)',
    tests: ['src/core/security/address.test.ts'],
  },
  {
    claim: 'S59',
    title: 'the local runtime believes any address that a client claims',
    file: 'src/gateway/client-address.ts',
    find: "return claimed !== null && LOOPBACK.test(claimed) ? claimed : '127.0.0.1';",
    replace: "return claimed !== null && !LOOPBACK.test('') ? claimed : '127.0.0.1';",
    tests: GATEWAY,
  },
  {
    claim: 'S59',
    title: 'X-Forwarded-For is believed',
    file: 'src/gateway/client-address.ts',
    find: "const claimed = request.headers.get('cf-connecting-ip');",
    replace:
      "const claimed = request.headers.get('x-forwarded-for') ?? request.headers.get('cf-connecting-ip');",
    tests: GATEWAY,
  },
  {
    claim: 'S59',
    title: 'our own header gets through the gateway when there is nothing to put in its place',
    file: 'src/gateway/app.ts',
    find: 'if (value === null) headers.delete(name);\n  else headers.set(name, encodeURI(value));',
    replace: 'if (value !== null) headers.set(name, encodeURI(value));',
    tests: GATEWAY,
  },
  {
    claim: 'S60',
    title: 'a limit admits one call more than it says',
    file: `${CACHE}/memory-rate-limiter.ts`,
    find: 'allowed: count <= limit.limit,',
    replace: 'allowed: count <= limit.limit + 1,',
    tests: LIMITER,
  },
  {
    claim: 'S60',
    title: 'Retry-After is over a second too early',
    file: `${CACHE}/memory-rate-limiter.ts`,
    find: 'Math.max(1, Math.ceil((endsAt - now) / 1000))',
    replace: 'Math.max(1, Math.ceil((endsAt - now) / 1000) - 1)',
    tests: LIMITER,
  },
  {
    claim: 'S60',
    title: 'who is refused by one limit uses up the others',
    file: `${CACHE}/upstash-rate-limiter.ts`,
    find: "if not full and redis.call('INCR', key) == 1 then",
    replace: "if redis.call('INCR', key) == 1 then",
    tests: LIMITER,
  },
  {
    claim: 'S60',
    title: 'a counter in Redis stays for ever',
    file: `${CACHE}/upstash-rate-limiter.ts`,
    find: "if not full and redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end",
    replace: "if not full then redis.call('INCR', key) end",
    tests: LIMITER,
  },
  {
    claim: 'S60',
    title: 'a route that anybody may post to has no limit',
    file: `${AUTH}/api/sessions.ts`,
    find: '  middleware: throttle(REFRESH_PER_ADDRESS),\n',
    replace: '  ...(REFRESH_PER_ADDRESS.limit > 0 ? {} : { middleware: throttle(REFRESH_PER_ADDRESS) }),\n',
    tests: LOGIN,
  },
  {
    claim: 'F5',
    title: 'without Redis nobody signs in',
    file: `${CACHE}/upstash-rate-limiter.ts`,
    find: '      return otherwise;\n',
    replace: '      if (otherwise !== undefined) throw error;\n      return otherwise;\n',
    tests: LOGIN,
  },
  {
    claim: 'F5',
    title: 'without Redis nothing is counted',
    file: `${CACHE}/upstash-rate-limiter.ts`,
    find: 'const local = await memory.consume(limit, key);',
    replace: 'const local = decide(limit, 1, now() + limit.seconds * 1000, now());',
    tests: LIMITER,
  },
  {
    claim: 'F5',
    title: 'without Redis failed sign-ins are not counted',
    file: `${CACHE}/upstash-rate-limiter.ts`,
    find: 'const local = await memory.consumeAll(claims);',
    replace:
      'const local = claims.map(({ limit }) => decide(limit, 1, now() + limit.seconds * 1000, now()));',
    tests: LOGIN,
  },
];
