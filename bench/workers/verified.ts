import { Hono } from 'hono';
import { createMemoryRateLimiter } from '../../src/core/cache/memory-rate-limiter.ts';
import { createDatabase } from '../../src/core/database/client.ts';
import type { Guard } from '../../src/core/http/authorize.ts';
import { createGuard } from '../../src/core/http/guard.ts';

interface Bindings {
  readonly DATABASE_URL: string;
  readonly DATABASE_FETCH_ENDPOINT: string;
  readonly AUTH_URL: string;
  readonly AUTH_ISSUER: string;
  readonly AUTH_AUDIENCE: string;
}

/** Our authenticator and nothing else: signature, session, role and permissions, from the database at most a second old. */
const app = new Hono<{ Bindings: Bindings }>();
let guard: Guard | undefined;

app.get('/', async (c) => {
  guard ??= createGuard({
    limiter: createMemoryRateLimiter(Date.now),
    config: c.env,
    db: createDatabase(c.env),
    auth: {
      fetch: (input, init) => {
        const { pathname } = new URL(input instanceof Request ? input.url : input);
        return fetch(`${c.env.AUTH_URL}${pathname}`, init);
      },
    },
  });
  const token = (c.req.header('authorization') ?? '').slice('Bearer '.length);
  const { userId } = await guard.authenticator.authenticate(token, null);
  return c.json({ userId });
});

export default app;
