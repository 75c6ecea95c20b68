import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLS_PER_USER } from '../../../src/core/http/route-limits.ts';
import { type Account, newAccount } from '../harness/accounts.ts';
import { createClient } from '../harness/client.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';

const SCALE = 0.1;
const WRITES = CALLS_PER_USER.write.limit * SCALE;
const CLIENTS = 4;

describe('the limits of everybody', () => {
  let system: TestStack;
  let [busy, quiet]: Account[] = [];

  beforeAll(async () => {
    system = await startTestStack({
      composition: 'split',
      bindings: { RATE_LIMIT_SCALE: String(SCALE), PASSWORD_HASHES_PER_SECOND: '1000' },
    });
    const api = createClient(system.stack.url);
    [busy, quiet] = [await newAccount(api), await newAccount(api)];
  });
  afterAll(async () => {
    await system?.dispose();
  });

  const makeFolder = async (account: Account | undefined, name: string, headers = {}) =>
    account?.api.call('POST', '/v1/folders', { json: { name }, headers });

  it('let exactly as many calls through as they say, whatever address a client claims, and open again in time', async () => {
    // Windows begin with the minute: what is counted here has to fall into one.
    const second = new Date().getSeconds();
    if (second > 25) await sleep((61 - second) * 1_000);
    const client = async (which: number) => {
      const answers = [];
      for (let at = 0; at < (WRITES + 20) / CLIENTS; at += 1)
        answers.push(
          await makeFolder(busy, `${which}-${at}`, {
            'x-forwarded-for': `192.0.2.${at}`,
            'x-real-ip': '192.0.2.9',
          }),
        );
      return answers;
    };
    const answers = (await Promise.all(Array.from({ length: CLIENTS }, (_, which) => client(which)))).flat();
    const refused = answers.filter((answer) => answer?.status === 429);
    expect(answers.filter((answer) => answer?.status === 201)).toHaveLength(WRITES);
    expect(refused).toHaveLength(20);
    expect(refused[0]?.headers.get('ratelimit')).toMatch(/"writes";r=0;t=\d+/);
    const left = answers
      .filter((answer) => answer?.status === 201)
      .map((answer) => Number(/"writes";r=(\d+)/.exec(answer?.headers.get('ratelimit') ?? '')?.[1]));
    expect(new Set(left).size).toBe(WRITES);

    expect((await makeFolder(quiet, 'of somebody else'))?.status).toBe(201);
    expect((await busy?.api.call('GET', '/v1/files'))?.status).toBe(200);
    const waitSeconds = Number(refused.at(-1)?.headers.get('retry-after'));
    expect(waitSeconds).toBeGreaterThan(0);
    await sleep(waitSeconds * 1_000);
    expect((await makeFolder(busy, 'afterwards'))?.status).toBe(201);
  });
});
