import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../../local/testing/database.ts';
import { users } from '../database/schema/auth.ts';
import { createLogger, describeError } from './logger.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
}, 120_000);
afterAll(() => database.close());

test('a failed statement is described without its parameters', async () => {
  const user = { id: `usr_${'0'.repeat(32)}`, email: 'canary@example.com', passwordHash: 'canary-hash' };
  await database.db.insert(users).values(user);
  const error: unknown = await database.db
    .insert(users)
    .values(user)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(describeError(error)).toMatch(/duplicate key/);
  expect(describeError(error)).not.toMatch(/canary/);
});

test('a chain of causes is described from the outside in, and ends', () => {
  const inner = new TypeError('no route');
  expect(describeError(new Error('fetch failed', { cause: inner }))).toBe(
    'Error: fetch failed <- TypeError: no route',
  );
  const circle = new Error('round');
  circle.cause = circle;
  expect(describeError(circle).split(' <- ')).toHaveLength(5);
  expect(describeError('text')).toBe('text');
});

test('a line is JSON whatever is in it, and levels below the threshold are silent', () => {
  const lines: string[] = [];
  const logger = createLogger('info', { module: 'auth' }, (line) => lines.push(line)).child({
    requestId: 'r1',
  });
  logger.debug('quiet');
  logger.warn('two\nlines', { reason: 'a "quote"\r\n' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\r\n]/);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'warn',
    message: 'two\nlines',
    module: 'auth',
    requestId: 'r1',
    reason: 'a "quote"\r\n',
  });
});
