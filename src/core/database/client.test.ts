import { createServer } from 'node:http';
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { createDatabase } from './client.ts';

// A server that answers each call with the next of these; the last one again and again.
const answers: { status: number; body: unknown }[] = [];
let calls = 0;
const server = createServer((request, response) => {
  const answer = answers[Math.min(calls, answers.length - 1)];
  calls += 1;
  request.resume().on('end', () => {
    response.writeHead(answer?.status ?? 500, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer?.body));
  });
});
afterEach(() => {
  server.close();
  answers.length = 0;
  calls = 0;
});

const error = (code: string) => ({ status: 400, body: { message: 'no', code } });
const rows = { status: 200, body: { fields: [], rows: [], rowCount: 0, command: 'SELECT' } };

async function query(...given: typeof answers): Promise<string> {
  answers.push(...given);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const db = createDatabase({
    DATABASE_URL: 'postgresql://acs:secret@localhost/acs',
    DATABASE_FETCH_ENDPOINT: `http://127.0.0.1:${port}/sql`,
  });
  return db.execute(sql`select 1`).then(
    () => 'answered',
    () => 'failed',
  );
}

test.each(['40P01', '40001'])('what the server rolled back (%s) is sent again', async (code) => {
  expect(await query(error(code), error(code), rows)).toBe('answered');
  expect(calls).toBe(3);
});

test('but not for ever', async () => {
  expect(await query(error('40P01'))).toBe('failed');
  expect(calls).toBe(4);
});

test.each(['23505', '57014', '08006'])('what failed otherwise (%s) is not sent again', async (code) => {
  expect(await query(error(code), rows)).toBe('failed');
  expect(calls).toBe(1);
});
