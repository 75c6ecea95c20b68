import { withBareWorker, withEnvironment } from './environment.ts';
import { requestsPerSecond } from './get-file.ts';
import { type BenchResult, inTurns } from './result.ts';

/**
 * Requests that carry an access token: our authenticator, warm, against jose's `jwtVerify` alone, each on bare Hono in a
 * Worker of its own. Ours also asks the database, once a second and token, whether the session still lives.
 */

const ROUNDS = 3;

export function run(): Promise<BenchResult[]> {
  return withEnvironment('monolith', async ({ stack, accessToken }) => {
    const { AUTH_ISSUER = '', AUTH_AUDIENCE = '', DATABASE_URL = '' } = stack.bindings;
    const { DATABASE_FETCH_ENDPOINT = '' } = stack.bindings;
    const expected = { AUTH_ISSUER, AUTH_AUDIENCE };
    const keySet = await fetch(`${stack.url}/.well-known/jwks.json`, { signal: AbortSignal.timeout(10_000) });
    const bare = { ...expected, JWKS: await keySet.text() };
    const ours = { ...expected, DATABASE_URL, DATABASE_FETCH_ENDPOINT, AUTH_URL: stack.url };
    const headers = { authorization: `Bearer ${accessToken}` };
    return withBareWorker('verified.ts', ours, (guarded) =>
      withBareWorker('bare-jose.ts', bare, async (jose) => {
        const [verified = Number.NaN, reference = Number.NaN] = await inTurns(ROUNDS, [
          () => requestsPerSecond(`${guarded}/`, headers),
          () => requestsPerSecond(`${jose}/`, headers),
        ]);
        return [
          {
            name: 'verified requests: our authenticator / jose alone, on bare Hono',
            ours: verified,
            reference,
            unit: 'req/s',
            aim: { of: 'ratio', atLeast: 0.9 },
          },
        ];
      }),
    );
  });
}
